package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/demo"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
	"github.com/stem-jobs/stem/pkg/stem"
)

type demoOptions struct {
	app         *app
	dir         string
	concurrency int
	limit       int
	keep        time.Duration
	goOn        bool
	dryRun      bool
}

func newDemo(a *app) *cobra.Command {
	o := &demoOptions{app: a}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Do real work: count a source tree, one task a directory",
		Long: "Do real work with a real store and a real worker: count what a source tree holds, one task a directory.\n" +
			"The tree is that of Go, as it is found on this machine, or any that --dir names.\n\n" +
			"One task of 40 fails on purpose and becomes a dead letter, one of 15 fails once and is retried. The store is\n" +
			"left behind, with every record kept for a day, for you to look at with the commands that are printed.\n" +
			"Configured stores are left alone: the demo then uses .stem/demo.db.\n\n" +
			"Ctrl-C lets running tasks finish; --continue works off what was left, and what was replayed.",
		Example: "  stem demo\n  stem demo --dir . --limit 100\n  stem demo --continue",
		Args:    noStrayArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.goOn && (c.Flags().Changed("dir") || c.Flags().Changed("limit") || c.Flags().Changed("keep")) {
				return usagef("leave out --dir, --limit and --keep", "--continue takes the tasks that wait, as they are")
			}
			return o.run(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&o.dir, "dir", "", "count this `directory` and what is below (default: Go's own source)")
	f.IntVarP(&o.concurrency, "concurrency", "c", 0, "tasks that run at once (default: the number of CPUs)")
	f.IntVar(&o.concurrency, "workers", 0, "same as --concurrency")
	f.IntVar(&o.limit, "limit", 0, "at most this many directories (0: all)")
	durationVar(f, &o.keep, "keep", runtime.DefaultKeep, "keep the records this long")
	f.BoolVar(&o.goOn, "continue", false, "only work off what waits in the queue of the demo")
	addDryRun(f, &o.dryRun)
	return c
}

// demoQueue is the one queue that the worker of a demo serves.
var demoQueue = []runtime.QueueShare{{Queue: demo.Queue}}

func (o *demoOptions) run(ctx context.Context) error {
	if o.concurrency < 0 || o.limit < 0 {
		return usagef("", "--concurrency and --limit must not be negative")
	}
	place, err := o.app.demoStore()
	if err != nil {
		return err
	}
	run := &demoRun{o: o, place: place}
	if !o.goOn {
		if err := run.findTree(ctx); err != nil {
			return err
		}
	}
	if o.dryRun && !o.goOn {
		v := run.view()
		v.Directories, v.Waiting = len(run.dirs), len(run.dirs)
		return run.print(v)
	}
	if run.opened, err = o.app.openOrCreate(ctx, o.settings()...); err != nil {
		return err
	}
	return run.finish(ctx, run.main(ctx))
}

// settings are what the demo brings to the store: its task and its worker.
func (o *demoOptions) settings() []stem.Option {
	cfg := o.app.loaded.config
	w := worker.Options{
		Queues: demoQueue, Concurrency: o.concurrency, Lease: cfg.Worker.Lease, HeartbeatEvery: cfg.Worker.Heartbeat,
		Defaults: cfg.Defaults, Build: version(),
	}
	if w.Concurrency == 0 {
		w.Concurrency = cfg.Worker.Concurrency
	}
	return []stem.Option{stem.With(demo.Count), stem.WithWorker(w)}
}

// findTree decides what is counted.
func (d *demoRun) findTree(ctx context.Context) error {
	dir := d.o.dir
	if dir == "" {
		if dir = demo.FindGoTree(ctx); dir == "" {
			return &failure{
				code: exitNegative, err: fmt.Errorf("there is no Go source tree on this machine to count"),
				hint: "name any directory: stem demo --dir .",
			}
		}
	}
	var err error
	if d.tree, err = demo.Resolve(dir); err != nil {
		return usagef("--dir names a directory", "open the tree: %w", err)
	}
	if d.dirs, err = demo.Directories(ctx, d.tree, d.o.limit); err != nil {
		return fmt.Errorf("walk the tree: %w", err)
	}
	if len(d.dirs) == 0 {
		return &failure{code: exitNegative, err: fmt.Errorf("there are no files in %s", d.tree), hint: "name another directory with --dir"}
	}
	return nil
}
