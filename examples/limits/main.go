// Limits shows the two limits that hold over all workers of a store: how many
// of a task run at once, and how many start in a period. A task that has to wait
// takes no slot of a worker meanwhile.
//
//	go run ./examples/limits
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sync/atomic"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
	"github.com/stem-jobs/stem/pkg/stem"
)

// atOnce counts how many handlers run together, and most is its highest.
var atOnce, most atomic.Int64

// Convert takes much memory: two at once, whatever the workers could do.
var Convert = stem.Define("video.convert", func(context.Context, struct{}) (int64, error) {
	n := atOnce.Add(1)
	defer atOnce.Add(-1)
	for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
	}
	<-time.After(2 * time.Millisecond) // the conversion
	return n, nil
}, stem.Concurrency(2))

// Call is what a service allows us: five in 100 ms, and never more.
var Call = stem.Define("service.call", func(context.Context, struct{}) (time.Time, error) {
	return time.Now(), nil
}, stem.RateLimit("5/100ms"))

// all enqueues n of a task and returns their results when all have ended.
func all[R any](ctx context.Context, app *stem.App, task *stem.TaskDef[struct{}, R], n int) ([]R, error) {
	requests := make([]runtime.Request, n)
	for i := range requests {
		var err error
		if requests[i], err = task.Request(struct{}{}); err != nil {
			return nil, err
		}
	}
	accepted, err := app.EnqueueMany(ctx, requests)
	if err != nil {
		return nil, err
	}
	results := make([]R, n)
	for i, a := range accepted {
		if results[i], err = task.Handle(app, a.ID).Wait(ctx); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// span is the time between the first call and the last.
func span(times []time.Time) time.Duration {
	first, last := times[0], times[0]
	for _, t := range times {
		if t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	return last.Sub(first)
}

func run(ctx context.Context, out io.Writer) error {
	app, err := stem.Open(ctx, "memory:", stem.With(Convert, Call), stem.WithWorker(worker.Options{Concurrency: 8}))
	if err != nil {
		return err
	}
	defer app.Close()
	working, stop := context.WithCancel(ctx)
	defer stop()
	worker := make(chan error, 1)
	go func() { worker <- app.Work(working) }()

	if _, err := all(ctx, app, Convert, 20); err != nil {
		return err
	}
	fmt.Fprintf(out, "20 conversions in 8 slots: at most %d at once\n", most.Load())

	times, err := all(ctx, app, Call, 15)
	if err != nil {
		return err
	}
	// Five at once and ten more at 20 ms each; a little less for the clock's grain.
	fmt.Fprintf(out, "15 calls at 5/100ms: kept to the rate %v\n", span(times) > 190*time.Millisecond)
	stop()
	return <-worker
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}
