package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/pkg/dlq"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

// dlqBulk is what replay and purge share: choose, count, ask, go.
type dlqBulk struct {
	app    *app
	filter deadFilter
	limit  int
	reason string
	dryRun bool
	yes    bool
}

func (o *dlqBulk) add(c *cobra.Command) {
	o.filter.add(o.app, c)
	o.filter.addAll()
	f := c.Flags()
	f.IntVar(&o.limit, "limit", 0, "stop after this many (0: no limit)")
	f.StringVar(&o.reason, "reason", "", "`text` for the audit")
	addDryRun(f, &o.dryRun)
	addYes(f, &o.yes)
}

// begin checks the request and, unless it is confirmed or harmless, asks. It
// returns how many match, -1 when that was not counted.
func (o *dlqBulk) begin(c *cobra.Command, args []string, what string, word func(int64) string) (*stem.App, error) {
	if o.limit < 0 {
		return nil, usagef("", "--limit is negative")
	}
	if err := o.filter.read(o.app, args); err != nil {
		return nil, err
	}
	if err := o.filter.mustNarrow(c); err != nil {
		return nil, err
	}
	opened, err := o.app.open(c.Context())
	if err == nil {
		err = mustBeThere(c.Context(), opened, o.filter.query.IDs)
	}
	if err != nil || o.dryRun || o.yes {
		return opened, err
	}
	matched, err := opened.Backend().DeadLetters.Count(c.Context(), o.filter.query)
	if err != nil || matched == 0 {
		return opened, err
	}
	return opened, o.confirm(c.Context(), opened, what, matched, word(matched))
}

// mustBeThere refuses ids that are no dead letters, before anything is changed.
func mustBeThere(ctx context.Context, opened *stem.App, ids []string) error {
	for _, id := range ids {
		if err := mustBeDead(ctx, opened, id); err != nil {
			return err
		}
	}
	return nil
}

// confirm shows what would be done, with samples, and asks for the word.
func (o *dlqBulk) confirm(ctx context.Context, opened *stem.App, what string, matched int64, word string) error {
	q := o.filter.query
	q.Limit = 5
	samples, _, err := opened.Backend().DeadLetters.List(ctx, q)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "This would %s %d dead letters in %s, such as:\n", what, matched, opened.Backend().Info.URL)
	for _, s := range samples {
		fmt.Fprintf(&b, "  %s  %s  %s\n", s.Task.ID, s.Task.Name, console.Safe(s.Task.Error))
	}
	if word == "" {
		return o.app.console.Confirm(b.String() + "Go on?")
	}
	return o.app.console.ConfirmTyping(strings.TrimSuffix(b.String(), "\n"), word)
}

// finish prints the report, also of a run that was interrupted.
func (o *dlqBulk) finish(verb string, report dlq.Report, err error) error {
	if err != nil && !interrupted(err) && report.Done == 0 {
		return err
	}
	if err != nil {
		o.app.hint("stopped early; run the same command again to go on with what is left")
	}
	printErr := o.app.printReport(verb, report)
	if err != nil {
		return err // the code of the interruption wins over "partial"
	}
	return printErr
}

func newDLQReplay(a *app) *cobra.Command {
	o := &dlqBulk{app: a}
	var rate float64
	var delay time.Duration
	var maxErrors int
	c := &cobra.Command{
		Use:   "replay [ID...]",
		Short: "Send dead letters back to their queues, oldest first",
		Long: "Send dead letters back to their queues, oldest first: attempt 0, full retries, same id.\n" +
			"It can be interrupted at any time; the same command then goes on with what is left.",
		Example: "  stem dlq replay 0198c5f2-7c1e-7000-8000-5a2f3c9d1e77\n  stem dlq replay --queue mail --cause hard-limit --dry-run\n  stem dlq replay --all --rate 50 --yes",
		RunE: func(c *cobra.Command, args []string) error {
			if rate < 0 || maxErrors < 0 {
				return usagef("", "--rate and --max-errors must not be negative")
			}
			opened, err := o.begin(c, args, "replay", func(n int64) string {
				if n > 1 {
					return fmt.Sprint(n) // bulk: the count, not a habit of pressing y
				}
				return ""
			})
			if err != nil {
				return err
			}
			var progress *console.Progress
			report, err := dlq.Replay(c.Context(), opened.Client(), opened.Backend().DeadLetters, dlq.ReplayOptions{
				Query: o.filter.query, Rate: rate, Limit: o.limit, Delay: delay, DryRun: o.dryRun, MaxErrors: maxErrors,
				By: a.operator(), Reason: o.reason,
				OnProgress: func(r dlq.Report) { a.progress(&progress, "replaying", r) },
			})
			endProgress(progress)
			return o.finish("replayed", report, err)
		},
	}
	o.add(c)
	f := c.Flags()
	f.Float64Var(&rate, "rate", 0, "at most this many a second (0: as fast as it goes)")
	durationVar(f, &delay, "delay", 0, "make them due after this `time`")
	f.IntVar(&maxErrors, "max-errors", 0, "stop after this many failures (0: never)")
	return c
}

func newDLQPurge(a *app) *cobra.Command {
	o := &dlqBulk{app: a}
	c := &cobra.Command{
		Use:     "purge [ID...]",
		Short:   "Remove dead letters for good",
		Example: "  stem dlq purge --queue mail --older-than 30d --dry-run\n  stem dlq purge --queue mail --older-than 30d --yes",
		RunE: func(c *cobra.Command, args []string) error {
			opened, err := o.begin(c, args, "remove for good", func(n int64) string { return fmt.Sprint(n) })
			if err != nil {
				return err
			}
			var progress *console.Progress
			report, err := dlq.Purge(c.Context(), opened.Backend().DeadLetters, dlq.PurgeOptions{
				Query: o.filter.query, Limit: o.limit, DryRun: o.dryRun, By: a.operator(), Reason: o.reason,
				OnProgress: func(r dlq.Report) { a.progress(&progress, "purging", r) },
			})
			endProgress(progress)
			return o.finish("purged", report, err)
		},
	}
	o.add(c)
	return c
}

// progress shows how far a bulk run is, from its first report on.
func (a *app) progress(p **console.Progress, label string, r dlq.Report) {
	if a.flags.quiet {
		return
	}
	if *p == nil {
		*p = a.console.NewProgress(label, r.Matched)
	}
	note := ""
	if r.Failed > 0 {
		note = fmt.Sprintf("%d failed", r.Failed)
	}
	(*p).Set(r.Done+r.Failed, note)
}

func endProgress(p *console.Progress) {
	if p != nil {
		p.Done(true)
	}
}

// deadView is a dead letter as it is exported: enough to judge it, and to
// enqueue it again elsewhere.
type deadView struct {
	taskView
	Envelope json.RawMessage         `json:"envelope,omitempty"`
	Failure  *runtime.TaskError      `json:"failure,omitempty"`
	Log      string                  `json:"log,omitempty"`
	Attempts []runtime.AttemptRecord `json:"attempts,omitempty"`
}

func newDLQExport(a *app) *cobra.Command {
	var filter deadFilter
	var file string
	var limit int
	c := &cobra.Command{
		Use:     "export [ID...]",
		Short:   "Write dead letters as JSON lines, with envelopes and histories",
		Example: "  stem dlq export --queue mail > dead.jsonl\n  stem dlq export --file dead.jsonl",
		RunE: func(c *cobra.Command, args []string) error {
			if err := filter.read(a, args); err != nil {
				return err
			}
			if limit < 0 {
				return usagef("", "--limit is negative")
			}
			opened, err := a.open(c.Context())
			if err == nil {
				err = mustBeThere(c.Context(), opened, filter.query.IDs)
			}
			if err != nil {
				return err
			}
			return a.exportDead(c.Context(), opened, filter.query, limit, file)
		},
	}
	filter.add(a, c)
	c.Flags().StringVar(&file, "file", "", "write to this `file` instead of standard output; it must not exist")
	c.Flags().IntVar(&limit, "limit", 0, "stop after this many (0: no limit)")
	return c
}

func (a *app) exportDead(ctx context.Context, opened *stem.App, q runtime.DeadQuery, limit int, file string) (err error) {
	var out io.Writer = a.console.Out
	if file != "" {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // payloads may be private
		if errors.Is(err, os.ErrExist) {
			return usagef("choose another name, or remove it", "file %s exists", file)
		}
		if err != nil {
			return fmt.Errorf("create %s: %w", file, err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	w := bufio.NewWriter(out)
	count := 0
	err = dlq.Export(ctx, opened.Backend().DeadLetters, q, limit, func(l runtime.DeadLetter) error {
		count++
		return json.NewEncoder(w).Encode(newDeadView(l))
	})
	if flushErr := w.Flush(); err == nil {
		err = flushErr
	}
	if err == nil && file != "" {
		a.hint("wrote %d dead letters to %s", count, file)
	}
	return err
}

func newDeadView(l runtime.DeadLetter) deadView {
	v := deadView{taskView: newTaskView(l.Task)}
	if l.Envelope != nil {
		v.Envelope, _ = l.Envelope.AppendJSON(nil) // it was decoded a moment ago
		_, _ = l.Envelope.MetaValue(runtime.MetaAttempts, &v.Attempts)
	}
	if body, err := runtime.DecodeRecord(l.Body); err == nil {
		v.Failure, v.Log = body.Error, body.Log
		if len(body.Attempts) > 0 {
			v.Attempts = body.Attempts
		}
	}
	return v
}
