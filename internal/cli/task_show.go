package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

func newTaskShow(a *app) *cobra.Command {
	var watch watchFlag
	var reveal bool
	c := &cobra.Command{
		Use:     "show ID...",
		Aliases: []string{"get"},
		Short:   "Show everything about tasks: state, attempts, arguments, result, log",
		Example: "  stem task show 0198c5f2-7c1e-7000-8000-5a2f3c9d1e77\n  stem task ls --state failed -o name | stem task show -",
		Args:    argRange(1, -1, "at least one task id"),
		RunE: func(c *cobra.Command, args []string) error {
			ids, err := a.ids(args)
			if err != nil {
				return err
			}
			return watch.run(c.Context(), a, func(ctx context.Context) error { return a.showTasks(ctx, ids, reveal) })
		},
	}
	watch.add(c.Flags())
	addReveal(c.Flags(), &reveal)
	c.ValidArgsFunction = completeTaskIDs(a)
	return c
}

func (a *app) showTasks(ctx context.Context, ids []string, reveal bool) error {
	opened, err := a.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := a.withTimeout(ctx)
	defer cancel()
	missing := 0
	for i, id := range ids {
		record, err := opened.Record(ctx, id)
		if errors.Is(err, runtime.ErrNotFound) {
			missing++
			a.console.Notef("stem: no task %s (or its record has expired)", id)
			continue
		}
		if err != nil {
			return err
		}
		if i > 0 && !a.printer.Structured() && a.printer.Format == "" {
			fmt.Fprintln(a.console.Out)
		}
		if err := a.printTask(ctx, opened, record, reveal); err != nil {
			return err
		}
	}
	switch {
	case missing == 0:
		return nil
	case missing == len(ids):
		return negative(exitNegative)
	}
	return negative(exitPartial)
}

// taskDetail is one task with all there is.
type taskDetail struct {
	taskView
	Args     json.RawMessage         `json:"args,omitempty"`
	Headers  map[string]string       `json:"headers,omitempty"`
	Result   json.RawMessage         `json:"result,omitempty"`
	Failure  *runtime.TaskError      `json:"failure,omitempty"`
	Log      string                  `json:"log,omitempty"`
	Attempts []runtime.AttemptRecord `json:"attempts,omitempty"`
}

// detail gathers what the record, its body and the envelope know. A body or
// envelope that cannot be read is told, not fatal: the rest is still useful.
func (a *app) detail(ctx context.Context, opened *stem.App, r runtime.TaskRecord) taskDetail {
	d := taskDetail{taskView: newTaskView(r)}
	body, err := runtime.DecodeRecord(r.Body)
	if err != nil {
		a.console.Notef("stem: %s: %v", r.ID, err)
	}
	d.Failure, d.Log, d.Attempts = body.Error, body.Log, body.Attempts
	if len(body.Payload) > 0 {
		if d.Result, err = opened.Codecs().DecodeResult(body.Encoder, body.Payload); err != nil {
			a.console.Notef("stem: result of %s: %v", r.ID, err)
		}
		d.Result = compact(d.Result)
	}
	envelope, err := opened.Backend().Queues.Envelope(ctx, r.ID)
	if err != nil {
		if !errors.Is(err, runtime.ErrNotFound) {
			a.console.Notef("stem: envelope of %s: %v", r.ID, err)
		}
		return d
	}
	d.Headers = envelope.Headers
	if d.Args, err = opened.Codecs().DecodeArgs(envelope.Headers[runtime.HeaderArgsEncoder], envelope.Args); err != nil {
		a.console.Notef("stem: arguments of %s: %v", r.ID, err)
	}
	if len(d.Attempts) == 0 {
		_, _ = envelope.MetaValue(runtime.MetaAttempts, &d.Attempts) // a history that cannot be read is no history
	}
	return d
}

func (a *app) printTask(ctx context.Context, opened *stem.App, r runtime.TaskRecord, reveal bool) error {
	d := a.detail(ctx, opened, r)
	if !reveal {
		d.Args, d.Result, d.Headers = redact(d.Args), redact(d.Result), redactHeaders(d.Headers)
	}
	p := a.printer
	state := string(d.State)
	if p.Human() {
		state = stateText(d.taskView)
	}
	fields := []printer.Field{
		{Label: "id", Text: d.ID},
		{Label: "task", Text: d.Name},
		{Label: "queue", Text: fmt.Sprintf("%s (priority %d)", d.Queue, d.Priority)},
		{Label: "state", Text: state, Style: stateStyle(d.taskView)},
		{Label: "place", Text: string(d.Place)},
		{Label: "reason", Text: d.Reason},
		{Label: "error", Text: d.Error},
		{Label: "attempt", Text: attemptText(r)},
		{Label: "worker", Text: d.Worker},
		{Label: "progress", Text: progressText(r)},
		{Label: "enqueued", Text: momentText(p, r.EnqueuedAt)},
		{Label: "due", Text: momentText(p, r.DueAt)},
		{Label: "started", Text: momentText(p, r.StartedAt)},
		{Label: "finished", Text: momentText(p, r.FinishedAt)},
		{Label: "took", Text: humanDuration(d.taskView)},
		{Label: "expires", Text: momentText(p, r.ExpiresAt)},
		{Label: "kept until", Text: momentText(p, r.KeepUntil)},
		{Label: "group", Text: d.Group},
		{Label: "unique key", Text: d.UniqueKey},
		{Label: "limit", Text: d.LimitKey},
		{Label: "headers", Text: headersText(d.Headers)},
		{Label: "args", Text: capped(d.Args)},
		{Label: "result", Text: capped(d.Result)},
		{Label: "attempts", Text: attemptsText(p, d.Attempts)},
		{Label: "stack", Text: stackText(d.Failure)},
		{Label: "log", Text: d.Log},
	}
	return printer.PrintItem(p, d, d.ID, fields)
}
