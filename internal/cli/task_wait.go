package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

func newTaskWait(a *app) *cobra.Command {
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "wait ID...",
		Short: "Wait until tasks end and print their results",
		Long: "Wait until tasks end, in whatever process they run, and print their results.\n\n" +
			"Exit codes: 0 all succeeded, 1 one failed or was cancelled, 75 the time ran out.",
		Example: "  stem task wait 0198c5f2-7c1e-7000-8000-5a2f3c9d1e77 --timeout 1m",
		Args:    argRange(1, -1, "at least one task id"),
		RunE: func(c *cobra.Command, args []string) error {
			ids, err := a.ids(args)
			if err != nil {
				return err
			}
			opened, err := a.open(c.Context())
			if err != nil {
				return err
			}
			return a.wait(c.Context(), opened, ids, timeout)
		},
	}
	durationVar(c.Flags(), &timeout, "timeout", 0, "stop waiting after this `time` (0: never)")
	c.ValidArgsFunction = completeTaskIDs(a)
	return c
}

// wait prints the result of each task as it ends.
func (a *app) wait(ctx context.Context, opened *stem.App, ids []string, timeout time.Duration) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	for _, id := range ids { // an unknown id would be waited for until the end of time
		if _, err := opened.Record(ctx, id); err != nil {
			return err
		}
	}
	if a.console.ErrTTY {
		a.hint("waiting; Ctrl-C ends the waiting, not the task")
	}
	failed := false
	for _, id := range ids {
		record, err := opened.Client().WaitOne(ctx, id)
		if errors.Is(err, runtime.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
			return &failure{
				code: exitTimeout, err: fmt.Errorf("task %s has not ended after %s", id, runtime.FormatDuration(timeout)),
				hint: "see why: stem task explain " + id,
			}
		}
		if errors.Is(err, context.Canceled) {
			return &failure{code: exitInterrupted, err: fmt.Errorf("no longer waiting for task %s; it goes on", id), hint: "stem task wait " + id}
		}
		if err != nil {
			return err
		}
		failed = failed || record.State != runtime.StateSucceeded
		if err := a.printResult(ctx, opened, record); err != nil {
			return err
		}
	}
	if failed {
		return negative(exitNegative)
	}
	return nil
}

// printResult writes the payload of a succeeded task to standard output and
// the failure of another to standard error.
func (a *app) printResult(ctx context.Context, opened *stem.App, r runtime.TaskRecord) error {
	d := a.detail(ctx, opened, r)
	if a.printer.Structured() || a.printer.Format != "" {
		return printer.PrintItem(a.printer, d, d.ID, nil)
	}
	if r.State != runtime.StateSucceeded {
		text := fmt.Sprintf("task %s %s", r.ID, r.State)
		if r.Reason != "" {
			text += ": " + r.Reason
		}
		if r.Error != "" {
			text += ": " + r.Error
		}
		a.console.Notef("%s %s", console.Paint(a.console.ErrColor, console.Red, "✗"), console.Safe(text))
		return nil
	}
	if d.Result == nil {
		return a.printer.Line("null")
	}
	return a.printer.Line("%s", d.Result)
}
