package cli

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

const (
	benchBatch     = 500              // tasks in one step of the batch measurement
	benchProducers = 16               // goroutines that enqueue one at a time
	benchCap       = 10 * time.Second // a store that is slow to enqueue gets fewer tasks
	benchStall     = time.Minute      // without progress a drain is given up
	benchBacklog   = 2000             // where producers wait for the worker
	benchSamples   = 200              // tasks whose way to the worker is timed
)

// benchRun is one run of the bench. Its tasks are numbered.
type benchRun struct {
	o       *benchOptions
	opened  *stem.App
	id      string
	queue   string
	task    *stem.TaskDef[benchArgs, benchResult]
	signals *runtime.Signals
	ledger  benchLedger
	begun   time.Time // the zero of the times in arguments, so that they are monotonic
	payload string

	numbers atomic.Int64 // given out so far
	last    atomic.Int64 // when the last task ended, since begun

	measured []measurement
}

type benchArgs struct {
	Sent    int64  `json:"sent"`
	Timed   bool   `json:"timed,omitempty"`
	Payload string `json:"payload"`
}

type benchResult struct {
	OK bool `json:"ok"`
}

func newBenchRun(o *benchOptions, id string) *benchRun {
	b := &benchRun{o: o, id: id, queue: "stem-bench-" + id, signals: &runtime.Signals{}, begun: time.Now(), payload: strings.Repeat("x", o.payload)}
	b.ledger.entries = map[string]benchEntry{}
	b.task = stem.Define("stem.bench", b.handle, stem.Queue(b.queue), stem.KeepResult(benchKeep))
	b.signals.Listen(runtime.SignalSucceeded, 0, func(_ context.Context, s runtime.Signal) {
		b.last.Store(int64(time.Since(b.begun)))
		b.ledger.end(s.Envelope.ID)
	})
	return b
}

// handle is the task: it signs the ledger.
func (b *benchRun) handle(ctx context.Context, a benchArgs) (benchResult, error) {
	var wait time.Duration
	if a.Timed {
		wait = time.Since(b.begun) - time.Duration(a.Sent)
	}
	b.ledger.run(stem.FromContext(ctx).ID(), wait)
	return benchResult{true}, nil
}

// main takes the measurements in their order. The worker starts with the drain.
func (b *benchRun) main(ctx context.Context) error {
	total := b.o.tasks
	single, many := total/10, total*4/10
	steps := []func(context.Context) error{
		func(ctx context.Context) error { return b.enqueueSingle(ctx, "enqueue, 1 producer", 1, single) },
		func(ctx context.Context) error {
			return b.enqueueSingle(ctx, fmt.Sprintf("enqueue, %d producers", benchProducers), benchProducers, many)
		},
		func(ctx context.Context) error { return b.enqueueBatches(ctx, total-single-many) },
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return b.withWorker(ctx, func(ctx context.Context) error {
		for _, step := range []func(context.Context) error{b.drain, b.latency, b.sustain} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// withWorker runs a worker beside f. A worker that gives up ends f.
func (b *benchRun) withWorker(ctx context.Context, f func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	worked := make(chan error, 1)
	go func() {
		worked <- b.opened.Work(ctx)
		stop()
	}()
	err := f(ctx)
	stop()
	if workErr := <-worked; workErr != nil {
		return workErr // it is why f was ended
	}
	return err
}

// progress shows how far a step is; with --quiet nobody sees it.
func (b *benchRun) progress(label string, total int) *console.Progress {
	return b.o.app.newProgress(label, int64(total))
}
