package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/dlq"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

type taskRetryOptions struct {
	app    *app
	delay  time.Duration
	reason string
	dryRun bool
}

func newTaskRetry(a *app) *cobra.Command {
	o := &taskRetryOptions{app: a}
	c := &cobra.Command{
		Use:   "retry ID...",
		Short: "Send failed tasks back to their queues, starting over at the first attempt",
		Long: "Send failed tasks (dead letters) back to their queues, starting over at the first attempt.\n" +
			"For many at once, by filter, see: stem dlq replay",
		Example: "  stem task retry 0198c5f2-7c1e-7000-8000-5a2f3c9d1e77",
		Args:    argRange(1, -1, "at least one task id"),
		RunE:    func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	durationVar(f, &o.delay, "delay", 0, "make them due after this `time`")
	f.StringVar(&o.reason, "reason", "", "`text` for the audit")
	addDryRun(f, &o.dryRun)
	c.ValidArgsFunction = completeTaskIDs(a)
	return c
}

func (o *taskRetryOptions) run(ctx context.Context, args []string) error {
	ids, err := o.app.ids(args)
	if err != nil {
		return err
	}
	opened, err := o.app.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := o.app.withTimeout(ctx)
	defer cancel()
	for _, id := range ids {
		if err := mustBeDead(ctx, opened, id); err != nil {
			return err // before anything was changed
		}
	}
	report, err := dlq.Replay(ctx, opened.Client(), opened.Backend().DeadLetters, dlq.ReplayOptions{
		Query: runtime.DeadQuery{IDs: ids}, Delay: o.delay, DryRun: o.dryRun, By: o.app.operator(), Reason: o.reason,
	})
	if err != nil {
		return err
	}
	return o.app.printReport("replayed", report)
}

// mustBeDead explains why a task that is no dead letter cannot be retried.
func mustBeDead(ctx context.Context, opened *stem.App, id string) error {
	record, err := opened.Record(ctx, id)
	if err != nil {
		return err
	}
	if record.Place == runtime.PlaceDead {
		return nil
	}
	hint := "only failed tasks can be retried; enqueue it anew with: stem enqueue " + record.Name
	if !record.State.Terminal() {
		hint = "see where it is: stem task explain " + id
	}
	return &failure{code: exitNegative, err: fmt.Errorf("task %s has not failed: it is %s", id, record.State), hint: hint}
}

// reportView is the result of a bulk run in JSON.
type reportView struct {
	Matched   int64         `json:"matched"`
	Done      int64         `json:"done"`
	Failed    int64         `json:"failed"`
	Skipped   int64         `json:"skipped"`
	Remaining int64         `json:"remaining"`
	DryRun    bool          `json:"dryRun"`
	Problems  []problemView `json:"problems,omitempty"`
}

type problemView struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

// printReport shows what a bulk run did; verb is the past participle of what it
// does. Items that failed make the exit code partial.
func (a *app) printReport(verb string, r dlq.Report) error {
	v := reportView{Matched: r.Matched, Done: r.Done, Failed: r.Failed, Skipped: r.Skipped, Remaining: r.Remaining, DryRun: r.DryRun}
	text := fmt.Sprintf("%s %d of %d", verb, r.Done, r.Matched)
	if r.DryRun {
		text = fmt.Sprintf("%d of %d would be %s; nothing was changed", r.Done, r.Matched, verb)
	}
	for _, p := range r.Problems {
		v.Problems = append(v.Problems, problemView(p))
		if !a.printer.Structured() {
			a.console.Notef("  %s: %s", p.ID, p.Why)
		}
	}
	if r.Failed > 0 {
		text += fmt.Sprintf(", %d failed", r.Failed)
	}
	if r.Skipped > 0 {
		text += fmt.Sprintf(", %d were dealt with by somebody else", r.Skipped)
	}
	if r.Remaining > 0 {
		text += fmt.Sprintf(", %d left", r.Remaining)
	}
	var err error
	if a.printer.Structured() {
		err = printer.PrintItem(a.printer, v, "", nil)
	} else {
		err = a.printer.Line("%s", text)
	}
	if err == nil && r.Failed > 0 {
		return negative(exitPartial)
	}
	return err
}

// interrupted reports whether err only says that the person pressed Ctrl-C.
func interrupted(err error) bool { return errors.Is(err, context.Canceled) }
