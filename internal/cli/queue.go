package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/control"
)

// newQueue holds the commands about queues.
func newQueue(a *app) *cobra.Command {
	return newGroup("queue", "List, show and purge queues", newQueueLs(a), newQueueShow(a), newQueuePurge(a))
}

// queueView is a queue in JSON.
type queueView struct {
	Queue     string   `json:"queue"`
	Ready     int64    `json:"ready"`
	Delayed   int64    `json:"delayed"`
	Waiting   int64    `json:"waiting"`
	Parked    int64    `json:"parked"`
	Leased    int64    `json:"leased"`
	Dead      int64    `json:"dead"`
	OldestMs  int64    `json:"oldestReadyMs"`
	Enqueued  int64    `json:"enqueued"`
	Succeeded int64    `json:"succeeded"`
	Failed    int64    `json:"failed"`
	Cancelled int64    `json:"cancelled"`
	Retried   int64    `json:"retried"`
	Lost      int64    `json:"lost"`
	Workers   []string `json:"workers"`
	PausedBy  string   `json:"pausedBy"`

	oldest time.Time
}

func (a *app) queueViews(ctx context.Context, names []string) ([]queueView, error) {
	opened, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.withTimeout(ctx)
	defer cancel()
	queues, err := control.Queues(ctx, opened.Backend(), names, a.options.Now.Now())
	if err != nil {
		return nil, err
	}
	views := make([]queueView, len(queues))
	for i, q := range queues {
		s := q.Stat
		views[i] = queueView{
			Queue: s.Queue, Ready: s.Ready, Delayed: s.Delayed, Waiting: s.Waiting, Parked: s.Parked, Leased: s.Leased,
			Dead: s.Dead, Enqueued: s.Enqueued, Succeeded: s.Succeeded, Failed: s.Failed, Cancelled: s.Cancelled,
			Retried: s.Retried, Lost: s.Lost, Workers: append([]string{}, q.Workers...), PausedBy: q.PausedBy, oldest: s.OldestReady,
		}
		if !s.OldestReady.IsZero() {
			views[i].OldestMs = max(0, a.options.Now.Now().Sub(s.OldestReady).Milliseconds())
		}
	}
	return views, nil
}

func newQueueLs(a *app) *cobra.Command {
	var watch watchFlag
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List queues with their counts and who serves them",
		Example: "  stem queue ls\n  stem queue ls --watch",
		Args:    noStrayArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return watch.run(c.Context(), a, func(ctx context.Context) error {
				views, err := a.queueViews(ctx, nil)
				if err != nil {
					return err
				}
				return printer.PrintList(a.printer, queueList(a.printer, views))
			})
		},
	}
	watch.add(c.Flags())
	return c
}

func queueList(p *printer.Printer, views []queueView) printer.List[queueView] {
	count := func(title string, priority int, n func(queueView) int64, style console.Style) printer.Column[queueView] {
		return printer.Column[queueView]{
			Title: title, Right: true, Priority: priority,
			Raw: func(v queueView) string { return strconv.FormatInt(n(v), 10) },
			Style: func(v queueView) console.Style {
				if n(v) == 0 {
					return console.Dim
				}
				return style
			},
		}
	}
	return printer.List[queueView]{
		Items: views,
		Empty: "no queues yet; enqueue something: stem enqueue --help",
		Name:  func(v queueView) string { return v.Queue },
		Columns: []printer.Column[queueView]{
			{Title: "QUEUE", Raw: func(v queueView) string { return v.Queue }, Min: 10},
			count("READY", 0, func(v queueView) int64 { return v.Ready }, console.Plain),
			count("RUNNING", 0, func(v queueView) int64 { return v.Leased }, console.Cyan),
			count("DELAYED", 1, func(v queueView) int64 { return v.Delayed }, console.Plain),
			count("WAITING", 4, func(v queueView) int64 { return v.Waiting }, console.Plain),
			count("PARKED", 4, func(v queueView) int64 { return v.Parked }, console.Yellow),
			count("DEAD", 1, func(v queueView) int64 { return v.Dead }, console.Red),
			{Title: "OLDEST", Right: true, Priority: 2, Raw: func(v queueView) string { return strconv.FormatInt(v.OldestMs, 10) }, Human: oldestText},
			count("DONE", 3, func(v queueView) int64 { return v.Succeeded }, console.Green),
			{Title: "WORKERS", Right: true, Priority: 3, Raw: func(v queueView) string { return strconv.Itoa(len(v.Workers)) }},
			{Title: "PAUSED BY", Priority: 2, Raw: func(v queueView) string { return v.PausedBy }, Style: func(queueView) console.Style { return console.Yellow }},
		},
	}
}

func oldestText(v queueView) string {
	if v.oldest.IsZero() {
		return "-"
	}
	return printer.Span(time.Duration(v.OldestMs) * time.Millisecond)
}

func newQueueShow(a *app) *cobra.Command {
	var watch watchFlag
	c := &cobra.Command{
		Use:     "show QUEUE",
		Short:   "Show one queue: counts, totals, workers, pause",
		Example: "  stem queue show default",
		Args:    argRange(1, 1, "one queue"),
		RunE: func(c *cobra.Command, args []string) error {
			return watch.run(c.Context(), a, func(ctx context.Context) error { return a.showQueue(ctx, args[0]) })
		},
	}
	watch.add(c.Flags())
	c.ValidArgsFunction = completeQueues(a)
	return c
}

func (a *app) showQueue(ctx context.Context, name string) error {
	views, err := a.queueViews(ctx, nil)
	if err != nil {
		return err
	}
	var names []string
	for _, v := range views {
		if v.Queue != name {
			names = append(names, v.Queue)
			continue
		}
		n := func(x int64) string { return strconv.FormatInt(x, 10) }
		return printer.PrintItem(a.printer, v, v.Queue, []printer.Field{
			{Label: "queue", Text: v.Queue},
			{Label: "paused by", Text: v.PausedBy, Style: console.Yellow},
			{Label: "workers", Text: joinOr(v.Workers, "none")},
			{Label: "ready", Text: n(v.Ready)},
			{Label: "running", Text: n(v.Leased)},
			{Label: "delayed", Text: n(v.Delayed)},
			{Label: "waiting", Text: n(v.Waiting)},
			{Label: "parked", Text: n(v.Parked)},
			{Label: "dead", Text: n(v.Dead)},
			{Label: "oldest ready", Text: oldestText(v)},
			{Label: "enqueued", Text: n(v.Enqueued)},
			{Label: "succeeded", Text: n(v.Succeeded)},
			{Label: "failed", Text: n(v.Failed)},
			{Label: "cancelled", Text: n(v.Cancelled)},
			{Label: "retried", Text: n(v.Retried)},
			{Label: "lost by workers", Text: n(v.Lost)},
		})
	}
	hint := "list them: stem queue ls"
	if near := nearest(name, names); near != "" {
		hint = "did you mean: " + near
	}
	return &failure{code: exitNegative, hint: hint, err: fmt.Errorf("no queue %q", name)}
}

type queuePurgeOptions struct {
	app    *app
	reason string
	dryRun bool
	yes    bool
}

func newQueuePurge(a *app) *cobra.Command {
	o := &queuePurgeOptions{app: a}
	c := &cobra.Command{
		Use:   "purge QUEUE",
		Short: "Cancel everything that waits in a queue; running tasks and dead letters stay",
		Long: "Cancel everything that waits in a queue: ready, delayed, waiting for limits and parked tasks.\n" +
			"Each is cancelled properly: groups are counted, unique keys freed, the audit told. Running tasks finish;\n" +
			"dead letters stay (stem dlq purge).",
		Example: "  stem queue purge mail --dry-run\n  stem queue purge mail --yes",
		Args:    argRange(1, 1, "one queue"),
		RunE:    func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.reason, "reason", "", "`text` kept with the tasks and in the audit")
	addDryRun(f, &o.dryRun)
	addYes(f, &o.yes)
	c.ValidArgsFunction = completeQueues(a)
	return c
}

func (o *queuePurgeOptions) run(ctx context.Context, queue string) error {
	views, err := o.app.queueViews(ctx, []string{queue})
	if err != nil {
		return err
	}
	v := views[0]
	matched := v.Ready + v.Delayed + v.Waiting + v.Parked
	report := control.PurgeReport{Matched: matched, Remaining: matched}
	if o.dryRun || matched == 0 {
		return o.print(queue, report)
	}
	if !o.yes {
		question := fmt.Sprintf("This cancels %d tasks of queue %s in %s.", matched, queue, o.app.opened.Backend().Info.URL)
		if err := o.app.console.ConfirmTyping(question, queue); err != nil {
			return err
		}
	}
	progress := o.app.console.NewProgress("purging "+queue, matched)
	report, err = control.PurgeQueue(ctx, o.app.opened.Backend(), queue, o.app.operator(), o.reason, func(r control.PurgeReport) {
		progress.Set(r.Done, "")
	})
	progress.Done(!o.app.flags.quiet)
	if err != nil && !interrupted(err) {
		return err
	}
	return errors.Join(o.print(queue, report), err)
}

// purgeView is the result in JSON.
type purgeView struct {
	Queue     string `json:"queue"`
	Matched   int64  `json:"matched"`
	Cancelled int64  `json:"cancelled"`
	Remaining int64  `json:"remaining"`
	DryRun    bool   `json:"dryRun"`
}

func (o *queuePurgeOptions) print(queue string, r control.PurgeReport) error {
	v := purgeView{Queue: queue, Matched: r.Matched, Cancelled: r.Done, Remaining: r.Remaining, DryRun: o.dryRun}
	if o.app.printer.Structured() {
		return printer.PrintItem(o.app.printer, v, queue, nil)
	}
	if o.dryRun {
		return o.app.printer.Line("%d tasks of queue %s would be cancelled; nothing was changed", r.Matched, queue)
	}
	return o.app.printer.Line("cancelled %d of %d tasks of queue %s, %d left", r.Done, r.Matched, queue, r.Remaining)
}
