package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
)

func newDLQLs(a *app) *cobra.Command {
	var filter deadFilter
	var watch watchFlag
	var limit int
	var cursor string
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List dead letters, oldest first",
		Example: "  stem dlq ls\n  stem dlq ls --queue mail --cause hard-limit --since 1d",
		Args:    noStrayArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit <= 0 || limit > 1000 {
				return usagef("", "--limit must be 1 to 1000")
			}
			if err := filter.read(a, nil); err != nil {
				return err
			}
			filter.query.Limit, filter.query.Cursor = limit, cursor
			return watch.run(c.Context(), a, func(ctx context.Context) error { return a.listDead(ctx, filter.query) })
		},
	}
	filter.add(a, c)
	c.ValidArgsFunction = nil
	c.Flags().IntVar(&limit, "limit", 50, "at most this many")
	c.Flags().StringVar(&cursor, "cursor", "", "go on after an earlier page")
	watch.add(c.Flags())
	return c
}

func (a *app) listDead(ctx context.Context, q runtime.DeadQuery) error {
	opened, err := a.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := a.withTimeout(ctx)
	defer cancel()
	letters, next, err := opened.Backend().DeadLetters.List(ctx, q)
	if err != nil {
		return err
	}
	views := make([]taskView, len(letters))
	for i, l := range letters {
		views[i] = newTaskView(l.Task)
	}
	list := printer.List[taskView]{Items: views, Columns: deadColumns(a.printer), Name: taskName, Next: next, Empty: "no dead letters match"}
	if err := printer.PrintList(a.printer, list); err != nil {
		return err
	}
	if next != "" && !a.printer.Structured() {
		total, err := opened.Backend().DeadLetters.Count(ctx, q)
		if err != nil {
			return err
		}
		a.hint("showing %d of %d; next page: --cursor %s", len(letters), total, next)
	}
	return nil
}

func deadColumns(p *printer.Printer) []printer.Column[taskView] {
	return []printer.Column[taskView]{
		{Title: "ID", Raw: taskName, Middle: true, Min: 13},
		{Title: "TASK", Raw: func(v taskView) string { return v.Name }, Min: 10},
		{Title: "QUEUE", Raw: func(v taskView) string { return v.Queue }, Priority: 3},
		{Title: "CAUSE", Raw: func(v taskView) string { return v.Reason }, Priority: 1, Style: func(taskView) console.Style { return console.Red }},
		{Title: "TRIES", Raw: func(v taskView) string { return fmt.Sprint(v.Attempt + 1) }, Priority: 4, Right: true},
		{Title: "DIED", Raw: func(v taskView) string { return v.FinishedAt }, Human: func(v taskView) string { return p.Time(v.record.FinishedAt) }, Priority: 2, Min: 9},
		{Title: "ERROR", Raw: func(v taskView) string { return v.Error }, Priority: 1, Min: 16},
		{Title: "WORKER", Raw: func(v taskView) string { return v.Worker }, Wide: true},
	}
}

func newDLQShow(a *app) *cobra.Command {
	var watch watchFlag
	var reveal bool
	c := &cobra.Command{
		Use:     "show ID...",
		Short:   "Show everything about dead letters: error, attempts, arguments, log",
		Example: "  stem dlq show 0198c5f2-7c1e-7000-8000-5a2f3c9d1e77",
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
			for _, id := range ids {
				record, err := opened.Record(c.Context(), id)
				if err == nil && record.Place != runtime.PlaceDead {
					err = &failure{code: exitNegative, hint: "see: stem task show " + id, err: fmt.Errorf("task %s is no dead letter: it is %s", id, record.State)}
				}
				if errors.Is(err, runtime.ErrNotFound) {
					err = &failure{code: exitNegative, hint: "list them: stem dlq ls", err: fmt.Errorf("no dead letter %s", id)}
				}
				if err != nil {
					return err
				}
			}
			return watch.run(c.Context(), a, func(ctx context.Context) error { return a.showTasks(ctx, ids, reveal) })
		},
	}
	watch.add(c.Flags())
	addReveal(c.Flags(), &reveal)
	c.ValidArgsFunction = completeTaskIDs(a)
	return c
}
