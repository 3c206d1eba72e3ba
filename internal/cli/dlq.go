package cli

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// newDLQ holds the commands about dead letters.
func newDLQ(a *app) *cobra.Command {
	c := newGroup("dlq", "List, show, replay, purge and export dead letters",
		newDLQLs(a), newDLQShow(a), newDLQReplay(a), newDLQPurge(a), newDLQExport(a))
	c.Aliases = []string{"dead"}
	return c
}

// deadFilter holds the flags by which dead letters are chosen.
type deadFilter struct {
	query     runtime.DeadQuery
	olderThan time.Duration
	all       bool
	flags     *pflag.FlagSet
}

func (d *deadFilter) add(a *app, c *cobra.Command) {
	d.flags = c.Flags()
	d.flags.StringVarP(&d.query.Queue, "queue", "Q", "", "only this queue")
	d.flags.StringVar(&d.query.Name, "task", "", "only tasks of this name")
	d.flags.StringVar(&d.query.Reason, "cause", "", "only this cause: max-retries-exhausted, permanent-error, hard-limit, panic, poison, ...")
	d.flags.StringVar(&d.query.Text, "error", "", "only with this `text` in the error")
	d.flags.StringSliceVar(&d.query.IDs, "id", nil, "only these `ids`")
	a.momentVar(d.flags, &d.query.Since, "since", "died since this `time` (or that long ago)")
	a.momentVar(d.flags, &d.query.Until, "until", "died before this `time` (or that long ago)")
	durationVar(d.flags, &d.olderThan, "older-than", 0, "died longer ago than this")
	completeFlags(a, c, "queue", "task")
	c.ValidArgsFunction = completeTaskIDs(a)
}

// addAll offers --all to commands that change something, so that an empty
// filter is never an accident.
func (d *deadFilter) addAll() { d.flags.BoolVar(&d.all, "all", false, "everything that is there") }

// read fills the query from arguments and flags.
func (d *deadFilter) read(a *app, args []string) error {
	if len(args) > 0 {
		ids, err := a.ids(args)
		if err != nil {
			return err
		}
		d.query.IDs = append(d.query.IDs, ids...)
	}
	if d.olderThan > 0 {
		if !d.query.Until.IsZero() {
			return usagef("", "--older-than and --until exclude each other")
		}
		d.query.Until = a.options.Now.Now().Add(-d.olderThan)
	}
	return nil
}

// mustNarrow refuses to change dead letters that nobody named.
func (d *deadFilter) mustNarrow(c *cobra.Command) error {
	q := d.query
	named := q.Queue != "" || q.Name != "" || q.Reason != "" || q.Text != "" || len(q.IDs) > 0 || !q.Since.IsZero() || !q.Until.IsZero()
	if named == d.all {
		if d.all {
			return usagef("leave out --all, or the filters", "--all and a filter exclude each other")
		}
		return usagef("name ids, add a filter (--queue, --task, --cause, --error, --since), or say --all", "%s needs to know which dead letters", c.CommandPath())
	}
	return nil
}
