package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/pkg/control"
	"github.com/stem-jobs/stem/pkg/dlq"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/config"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
	"github.com/stem-jobs/stem/pkg/stem"
)

type benchOptions struct {
	app         *app
	tasks       int
	payload     int
	concurrency int
	duration    time.Duration
}

func newBench(a *app) *cobra.Command {
	o := &benchOptions{app: a}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure a store on this machine: enqueue, drain, latency, CPU",
		Long: "Measure a store on this machine: enqueue one at a time and in batches, drain with a worker, the time from\n" +
			"enqueue to start, and both at once. The tasks do nothing; their arguments and results are stored, with\n" +
			"at-least-once delivery, as for real ones. A ledger shows that each ran.\n\n" +
			"Without --store it measures a temporary SQLite file, whatever is configured. With --store it works in a queue\n" +
			"of its own, which it empties in the end; the records of its tasks go after a minute.\n\n" +
			"The figures are of this machine, store and moment. Compare only what was measured side by side.",
		Example: "  stem bench\n  stem bench --tasks 50000 --concurrency 10 --duration 30s\n  stem bench --store sqlite:jobs.db -o json",
		Args:    noStrayArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	f.IntVar(&o.tasks, "tasks", 20_000, "tasks that are enqueued and drained")
	f.IntVar(&o.payload, "payload", 100, "`bytes` of arguments of each task")
	f.IntVarP(&o.concurrency, "concurrency", "c", 100, "tasks that the worker runs at once")
	durationVar(f, &o.duration, "duration", 5*time.Second, "how long to produce and work at the same time (0: not at all)")
	return c
}

// benchKeep is how long the records of a measured task stay in a store that
// others use.
const benchKeep = time.Minute

func (o *benchOptions) check() error {
	switch {
	case o.tasks < 1:
		return usagef("", "--tasks must be at least 1")
	case o.concurrency < 1:
		return usagef("", "--concurrency must be at least 1")
	case o.payload < 0 || o.payload > runtime.MaxArgsBytes/2:
		return usagef("", "--payload must be 0 to %d bytes", runtime.MaxArgsBytes/2)
	}
	return nil
}

func (o *benchOptions) run(ctx context.Context) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	remove, err := o.app.benchStore()
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := remove(); err == nil {
			err = removeErr
		}
	}()
	b := newBenchRun(o, strings.ToLower(rand.Text()[:8]))
	if b.opened, err = o.app.openOrCreate(ctx, o.settings(b)...); err != nil {
		return err
	}
	err = b.main(ctx)
	if cleanErr := b.clean(context.WithoutCancel(ctx)); err == nil {
		err = cleanErr
	}
	return b.finish(err)
}

// settings are what the bench brings to the store.
func (o *benchOptions) settings(b *benchRun) []stem.Option {
	cfg := o.app.loaded.config
	return []stem.Option{
		stem.With(b.task), stem.WithSignals(b.signals),
		stem.WithWorker(worker.Options{
			Queues: []runtime.QueueShare{{Queue: b.queue}}, Concurrency: o.concurrency,
			Lease: cfg.Worker.Lease, HeartbeatEvery: cfg.Worker.Heartbeat, Build: version(),
		}),
	}
}

// benchStore loads the settings with the store to measure: the one of --store,
// or a new file. remove takes away what was made for the run.
func (a *app) benchStore() (remove func() error, err error) {
	cfg, err := a.settings()
	if err != nil {
		return nil, err
	}
	if cfg.config.Origin("store").Layer == config.LayerFlag {
		return func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "stem-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a place for the store: %w", err)
	}
	remove = func() error {
		if err := a.close(); err != nil {
			return err
		}
		a.opened = nil
		return os.RemoveAll(dir)
	}
	a.loaded = nil
	if _, err = a.settings(config.Override{Key: "store", Flag: "stem bench", Value: filepath.Join(dir, "bench.db")}); err != nil {
		return nil, err
	}
	a.hint("measuring a temporary SQLite store in %s; measure yours with --store", dir)
	return remove, nil
}

// clean takes back what the run has left in its queue.
func (b *benchRun) clean(ctx context.Context) error {
	ctx, cancel := b.o.app.withTimeout(ctx)
	defer cancel()
	_, err := control.PurgeQueue(ctx, b.opened.Backend(), b.queue, b.o.app.operator(), "stem bench", func(control.PurgeReport) {})
	if err == nil {
		_, err = dlq.Purge(ctx, b.opened.Backend().DeadLetters, dlq.PurgeOptions{
			Query: runtime.DeadQuery{Queue: b.queue}, By: b.o.app.operator(), Reason: "stem bench",
		})
	}
	if err != nil {
		return fmt.Errorf("empty queue %s: %w", b.queue, err)
	}
	return nil
}
