package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

type taskCancelOptions struct {
	app       *app
	terminate bool
	reason    string
	dryRun    bool
	yes       bool
	remember  time.Duration
}

func newTaskCancel(a *app) *cobra.Command {
	o := &taskCancelOptions{app: a}
	c := &cobra.Command{
		Use:     "cancel ID...",
		Aliases: []string{"revoke"},
		Short:   "Cancel tasks: waiting ones end at once, running ones with --terminate",
		Long: "Cancel tasks. One that waits ends here and now. One that runs may finish but is not retried;\n" +
			"with --terminate its handler is cancelled too.",
		Example: "  stem task cancel 0198c5f2-7c1e-7000-8000-5a2f3c9d1e77\n  stem task ls --queue mail -o name | stem task cancel - --yes",
		Args:    argRange(1, -1, "at least one task id"),
		RunE:    func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	f.BoolVar(&o.terminate, "terminate", false, "also cancel the handler of a running task")
	f.StringVar(&o.reason, "reason", "", "`text` kept with the task and in the audit")
	durationVar(f, &o.remember, "remember", 0, "also cancel an id that is not known yet, if it appears within this `time`")
	addDryRun(f, &o.dryRun)
	addYes(f, &o.yes)
	c.ValidArgsFunction = completeTaskIDs(a)
	return c
}

// cancelView is the fate of one cancellation in JSON.
type cancelView struct {
	ID     string        `json:"id"`
	Was    runtime.State `json:"was"`
	Ended  bool          `json:"ended"`
	DryRun bool          `json:"dryRun"`

	remembered, terminated bool
}

func (v cancelView) outcome() string {
	switch {
	case v.Was == "" && v.remembered:
		return "unknown; it is cancelled when it appears"
	case v.Was == "":
		return "unknown"
	case v.Was.Terminal():
		return "had ended (" + string(v.Was) + ")"
	case v.DryRun:
		return "would be cancelled (" + string(v.Was) + ")"
	case v.Ended:
		return "cancelled"
	}
	if v.terminated {
		return "its handler is being cancelled"
	}
	return "still runs; it is not retried (to stop it: --terminate)"
}

func (o *taskCancelOptions) run(ctx context.Context, args []string) error {
	ids, err := o.app.ids(args)
	if err != nil {
		return err
	}
	opened, err := o.app.open(ctx)
	if err != nil {
		return err
	}
	if len(ids) > 1 && !o.dryRun && !o.yes {
		if err := o.app.console.Confirm(fmt.Sprintf("Cancel %d tasks?", len(ids))); err != nil {
			return err
		}
	}
	ctx, cancel := o.app.withTimeout(ctx)
	defer cancel()
	views, err := o.cancel(ctx, opened, ids)
	if err != nil {
		return err
	}
	if err := printer.PrintList(o.app.printer, cancelList(views)); err != nil {
		return err
	}
	unknown := 0
	for _, v := range views {
		if v.Was == "" {
			unknown++
		}
	}
	switch {
	case unknown == 0 || o.remember > 0:
		return nil
	case unknown == len(views):
		return negative(exitNegative)
	}
	return negative(exitPartial)
}

func (o *taskCancelOptions) cancel(ctx context.Context, opened *stem.App, ids []string) ([]cancelView, error) {
	views := make([]cancelView, len(ids))
	if o.dryRun {
		for i, id := range ids {
			record, err := opened.Record(ctx, id)
			if err != nil && !errors.Is(err, runtime.ErrNotFound) {
				return nil, err
			}
			views[i] = cancelView{ID: id, Was: record.State, DryRun: true}
		}
		return views, nil
	}
	orders := make([]runtime.Revocation, len(ids))
	for i, id := range ids {
		orders[i] = runtime.Revocation{TaskID: id, Reason: o.reason, By: o.app.operator(), Terminate: o.terminate}
		if o.remember > 0 {
			orders[i].ExpiresAt = o.app.options.Now.Now().Add(o.remember)
		}
	}
	results, err := opened.Backend().Broker.Cancel(ctx, orders)
	if err != nil {
		return nil, err
	}
	for i, r := range results {
		views[i] = cancelView{ID: ids[i], Was: r.Was, Ended: r.Ended, remembered: o.remember > 0, terminated: o.terminate}
	}
	return views, nil
}

func cancelList(views []cancelView) printer.List[cancelView] {
	return printer.List[cancelView]{
		Items: views,
		Name:  func(v cancelView) string { return v.ID },
		Columns: []printer.Column[cancelView]{
			{Title: "ID", Raw: func(v cancelView) string { return v.ID }, Middle: true, Min: 13},
			{Title: "OUTCOME", Raw: cancelView.outcome},
		},
	}
}
