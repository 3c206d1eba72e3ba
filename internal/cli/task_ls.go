package cli

import (
	"context"
	"sort"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
)

type taskLsOptions struct {
	app    *app
	query  runtime.TaskQuery
	states []string
	places []string
	all    bool
	watch  watchFlag
}

func newTaskLs(a *app) *cobra.Command {
	o := &taskLsOptions{app: a}
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List tasks: waiting and running ones first, then those that ended lately",
		Example: "  stem task ls\n  stem task ls --queue mail --state failed --since 1h\n  stem task ls -o json --fields id,state",
		Args:    noStrayArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.watch.run(c.Context(), a, o.run)
		},
	}
	f := c.Flags()
	f.StringVar(&o.query.Queue, "queue", "", "only this queue")
	f.StringVar(&o.query.Name, "task", "", "only tasks of this name")
	f.StringSliceVar(&o.places, "place", nil, "only these places: "+join(runtime.Places))
	f.StringSliceVar(&o.states, "state", nil, "only these states: "+join(runtime.States))
	a.momentVar(f, &o.query.Since, "since", "enqueued since this `time` (or that long ago)")
	a.momentVar(f, &o.query.Until, "until", "enqueued before this `time` (or that long ago)")
	f.IntVar(&o.query.Limit, "limit", 50, "at most this many")
	f.StringVar(&o.query.Cursor, "cursor", "", "go on after an earlier page")
	f.BoolVar(&o.all, "all", false, "all pages")
	o.watch.add(f)
	completeFlags(a, c, "queue", "task", "state")
	return c
}

func (o *taskLsOptions) run(ctx context.Context) error {
	if o.query.Limit <= 0 {
		return usagef("", "--limit must be at least 1")
	}
	var err error
	if o.query.States, err = parseStates(o.states); err != nil {
		return err
	}
	if o.query.Places, err = parsePlaces(o.places); err != nil {
		return err
	}
	opened, err := o.app.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := o.app.withTimeout(ctx)
	defer cancel()
	tasks, next, err := listTasks(ctx, opened.Backend(), o.query, o.all)
	if err != nil {
		return err
	}
	list := printer.List[taskView]{
		Items: newTaskViews(tasks), Columns: taskColumns(o.app.printer), Name: taskName, Next: next,
		Empty: "no tasks match",
	}
	if err := printer.PrintList(o.app.printer, list); err != nil {
		return err
	}
	if next != "" && !o.app.printer.Structured() {
		o.app.hint("there are more; next page: --cursor %s, or --all", next)
	}
	return nil
}

// The cursor of a list says in which of its two parts it stands.
const (
	liveCursor  = "live."
	endedCursor = "ended."
)

// listTasks reads unfinished tasks and then ended ones; the store keeps them in
// two listings because one is ordered by age and the other by its end.
func listTasks(ctx context.Context, b *runtime.Backend, q runtime.TaskQuery, all bool) ([]runtime.TaskRecord, string, error) {
	limit, cursor := q.Limit, q.Cursor
	var out []runtime.TaskRecord
	for {
		q.Limit = min(limit-len(out), 1000)
		if all {
			q.Limit = 1000
		}
		page, next, err := listPage(ctx, b, q, cursor)
		if err != nil {
			return nil, "", err
		}
		out = append(out, page...)
		if next == "" || !all && len(out) >= limit {
			return out, next, nil
		}
		cursor = next
	}
}

func listPage(ctx context.Context, b *runtime.Backend, q runtime.TaskQuery, cursor string) ([]runtime.TaskRecord, string, error) {
	if rest, ended := cutCursor(cursor, endedCursor); ended {
		q.Cursor = rest
		page, next, err := b.Results.List(ctx, q)
		return page, prefixed(endedCursor, next), err
	}
	rest, ok := cutCursor(cursor, liveCursor)
	if !ok && cursor != "" {
		return nil, "", usagef("take it from the nextCursor of an earlier page", "bad --cursor %q", cursor)
	}
	q.Cursor = rest
	if q.Places = unfinished(q.Places); len(q.Places) == 0 {
		return nil, endedCursor, nil
	}
	page, next, err := b.Queues.List(ctx, q)
	if err != nil {
		return nil, "", err
	}
	if next == "" {
		return page, endedCursor, nil
	}
	return page, liveCursor + next, nil
}

// unfinished leaves of the places asked for those of the first listing; nil is
// all of them. Dead letters come with what has ended, or old ones would hide
// what is going on.
func unfinished(asked []runtime.Place) []runtime.Place {
	var kept []runtime.Place
	for _, p := range runtime.Places {
		if p != runtime.PlaceDead && p != runtime.PlaceDone && (asked == nil || contains(asked, p)) {
			kept = append(kept, p)
		}
	}
	return kept
}

func cutCursor(cursor, prefix string) (string, bool) {
	if len(cursor) >= len(prefix) && cursor[:len(prefix)] == prefix {
		return cursor[len(prefix):], true
	}
	return "", false
}

func prefixed(prefix, cursor string) string {
	if cursor == "" {
		return ""
	}
	return prefix + cursor
}

// newestFirst orders tasks for completion.
func newestFirst(rs []runtime.TaskRecord) {
	sort.SliceStable(rs, func(i, j int) bool { return latest(rs[i]).After(latest(rs[j])) })
}

func latest(r runtime.TaskRecord) time.Time {
	if r.UpdatedAt.IsZero() {
		return r.EnqueuedAt
	}
	return r.UpdatedAt
}
