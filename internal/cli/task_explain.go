package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/control"
)

func newTaskExplain(a *app) *cobra.Command {
	var watch watchFlag
	c := &cobra.Command{
		Use:               "explain ID",
		Short:             "Tell why a task does not run, or what became of it",
		Example:           "  stem task explain 0198c5f2-7c1e-7000-8000-5a2f3c9d1e77",
		Args:              argRange(1, 1, "one task id"),
		ValidArgsFunction: completeTaskIDs(a),
		RunE: func(c *cobra.Command, args []string) error {
			return watch.run(c.Context(), a, func(ctx context.Context) error { return a.explain(ctx, args[0]) })
		},
	}
	watch.add(c.Flags())
	return c
}

func (a *app) explain(ctx context.Context, id string) error {
	opened, err := a.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := a.withTimeout(ctx)
	defer cancel()
	e, err := control.Explain(ctx, opened.Backend(), id, a.options.Now.Now())
	if err != nil {
		return err
	}
	return a.printExplanation(e)
}

// reasonView is one reason in JSON.
type reasonView struct {
	Cause      control.Cause `json:"cause"`
	Text       string        `json:"text"`
	Hint       string        `json:"hint,omitempty"`
	Key        string        `json:"key,omitempty"`
	Position   int64         `json:"position,omitempty"`
	Holders    []string      `json:"holders,omitempty"`
	Ahead      int64         `json:"ahead,omitempty"`
	EstimateMs int64         `json:"estimateMs,omitempty"`
	Owner      string        `json:"owner,omitempty"`
	By         string        `json:"by,omitempty"`
	Until      string        `json:"until,omitempty"`
}

type explanationView struct {
	Task    taskView     `json:"task"`
	Reasons []reasonView `json:"reasons"`
}

func (a *app) printExplanation(e control.Explanation) error {
	v := explanationView{Task: newTaskView(e.Task)}
	fields := []printer.Field{
		{Label: "task", Text: fmt.Sprintf("%s (%s in queue %s)", e.Task.ID, e.Task.Name, e.Task.Queue)},
		{Label: "state", Text: string(e.Task.State), Style: stateStyle(v.Task)},
	}
	for i, r := range e.Reasons {
		x := reasonView{
			Cause: r.Cause, Text: r.Text, Hint: r.Hint, Key: r.Key, Position: r.Position, Ahead: r.Ahead,
			EstimateMs: r.Estimate.Milliseconds(), Owner: r.Owner, By: r.By, Until: printer.Stamp(r.Until),
		}
		for _, h := range r.Holders {
			x.Holders = append(x.Holders, h.TaskID)
		}
		v.Reasons = append(v.Reasons, x)
		label := "because"
		if i > 0 {
			label = "and"
		}
		fields = append(fields, printer.Field{Label: label, Text: r.Text}, printer.Field{Label: "hint", Text: r.Hint})
	}
	return printer.PrintItem(a.printer, v, e.Task.ID, fields)
}
