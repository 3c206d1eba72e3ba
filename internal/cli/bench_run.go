package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// benchRun is one run of the bench. Its tasks are numbered; the number is in
// their ids and arguments.
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
	settled atomic.Int64
	last    atomic.Int64 // when the last was settled, since begun

	measured []measurement
}

type benchArgs struct {
	N       int64  `json:"n"`
	Sent    int64  `json:"sent"`
	Timed   bool   `json:"timed,omitempty"`
	Payload string `json:"payload"`
}

type benchResult struct {
	N int64 `json:"n"`
}

func newBenchRun(o *benchOptions, id string) *benchRun {
	b := &benchRun{o: o, id: id, queue: "stem-bench-" + id, signals: &runtime.Signals{}, begun: time.Now(), payload: strings.Repeat("x", o.payload)}
	b.ledger.init()
	b.task = stem.Define("stem.bench", b.handle, stem.Queue(b.queue), stem.KeepResult(benchKeep))
	b.signals.Listen(runtime.SignalSucceeded, 0, func(context.Context, runtime.Signal) {
		b.last.Store(int64(time.Since(b.begun)))
		b.settled.Add(1)
	})
	return b
}

// handle is the task: it signs the ledger.
func (b *benchRun) handle(_ context.Context, a benchArgs) (benchResult, error) {
	var wait time.Duration
	if a.Timed {
		wait = time.Since(b.begun) - time.Duration(a.Sent)
	}
	b.ledger.ran(a.N, wait)
	return benchResult{a.N}, nil
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

// request makes the next task.
func (b *benchRun) request(timed bool) (runtime.Request, int64, error) {
	n := b.numbers.Add(1)
	args := benchArgs{N: n, Timed: timed, Payload: b.payload, Sent: int64(time.Since(b.begun))}
	raw, err := json.Marshal(args)
	return runtime.Request{ID: b.queue + "-" + strconv.FormatInt(n, 10), Name: b.task.Name(), Args: raw}, n, err
}

// enqueueOne stores one task by a call of its own.
func (b *benchRun) enqueueOne(ctx context.Context, timed bool) error {
	r, n, err := b.request(timed)
	if err != nil {
		return err
	}
	if _, err := b.opened.Client().Enqueue(ctx, r); err != nil {
		return err
	}
	b.ledger.stored(n)
	return nil
}

// produce enqueues one task a call from several goroutines while more says so,
// and returns how many were stored. The first failure ends all.
func (b *benchRun) produce(ctx context.Context, producers int, more func(context.Context) bool) (int64, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var stored atomic.Int64
	var failed error
	var once sync.Once
	var group sync.WaitGroup
	for range producers {
		group.Go(func() {
			for inner.Err() == nil && more(inner) {
				if err := b.enqueueOne(inner, false); err != nil {
					once.Do(func() { failed = err })
					cancel()
					return
				}
				stored.Add(1)
			}
		})
	}
	group.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	return stored.Load(), failed
}

func (b *benchRun) enqueueSingle(ctx context.Context, name string, producers, tasks int) error {
	return b.measure(name, func(m *measurement) error {
		var given atomic.Int64
		deadline := time.Now().Add(benchCap)
		progress := b.progress(name, tasks)
		defer progress.Done(false)
		n, err := b.produce(ctx, producers, func(context.Context) bool {
			n := given.Add(1)
			progress.Set(n, "")
			return n <= int64(tasks) && time.Now().Before(deadline)
		})
		m.Tasks = n
		return err
	})
}

func (b *benchRun) enqueueBatches(ctx context.Context, tasks int) error {
	name := fmt.Sprintf("enqueue, batches of %d", min(benchBatch, max(tasks, 1)))
	return b.measure(name, func(m *measurement) error {
		deadline := time.Now().Add(benchCap)
		progress := b.progress(name, tasks)
		defer progress.Done(false)
		for m.Tasks < int64(tasks) && time.Now().Before(deadline) {
			n, err := b.enqueueBatch(ctx, min(benchBatch, tasks-int(m.Tasks)))
			m.Tasks += n
			progress.Set(m.Tasks, "")
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *benchRun) enqueueBatch(ctx context.Context, size int) (stored int64, err error) {
	requests := make([]runtime.Request, size)
	numbers := make([]int64, size)
	for i := range requests {
		if requests[i], numbers[i], err = b.request(false); err != nil {
			return 0, err
		}
	}
	results, err := b.opened.EnqueueMany(ctx, requests)
	for i, r := range results {
		switch {
		case r.Status == runtime.Accepted:
			b.ledger.stored(numbers[i])
			stored++
		case err == nil:
			err = fmt.Errorf("enqueue: the store answers %s: %w", r.Status, r.Err)
		}
	}
	return stored, err
}

// drain waits until the worker has emptied the queue.
func (b *benchRun) drain(ctx context.Context) error {
	return b.measure(fmt.Sprintf("drain, concurrency %d", b.o.concurrency), func(m *measurement) error {
		start := time.Since(b.begun)
		err := b.untilSettled(ctx, "drain")
		m.Tasks, m.took = b.settled.Load(), time.Duration(b.last.Load())-start
		return err
	})
}

// untilSettled waits until everything that is stored has been worked off.
func (b *benchRun) untilSettled(ctx context.Context, label string) error {
	target := b.ledger.size()
	progress := b.progress(label, int(target))
	defer progress.Done(false)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	seen, since := int64(-1), time.Now()
	for {
		n := b.settled.Load()
		progress.Set(n, "")
		switch {
		case n >= target:
			return nil
		case n != seen:
			seen, since = n, time.Now()
		case time.Since(since) > benchStall:
			return &runtime.Error{
				Code: runtime.CodeTimeout, Hint: "see why: stem task ls --queue " + b.queue,
				Message: fmt.Sprintf("nothing has ended for %s; %d of %d tasks have", benchStall, n, target),
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// latency times single tasks on their way to an idle worker. The pauses vary,
// so that they never fall into step with a poll.
func (b *benchRun) latency(ctx context.Context) error {
	samples := min(benchSamples, max(b.o.tasks/10, 1))
	progress := b.progress("latency", samples)
	defer progress.Done(false)
	return b.measure("enqueue to start, idle worker", func(m *measurement) error {
		m.paced = true
		for m.Tasks < int64(samples) {
			pause(ctx, 10*time.Millisecond+rand.N(10*time.Millisecond))
			if err := b.enqueueOne(ctx, true); err != nil {
				return err
			}
			m.Tasks++
			progress.Set(m.Tasks, "")
		}
		err := b.untilSettled(ctx, "latency")
		m.waits = slices.Sorted(slices.Values(b.ledger.waits()))
		return err
	})
}

// sustain produces and works at the same time. Producers wait when the worker is
// behind, so that both keep one pace.
func (b *benchRun) sustain(ctx context.Context) error {
	if b.o.duration <= 0 {
		return nil
	}
	progress := b.progress("produce and work", 0)
	defer progress.Done(false)
	name := fmt.Sprintf("produce and work, %d producers", benchProducers)
	err := b.measure(name, func(m *measurement) error {
		start := time.Now()
		before := b.settled.Load()
		_, err := b.produce(ctx, benchProducers, func(ctx context.Context) bool {
			progress.Set(b.settled.Load()-before, "")
			for ctx.Err() == nil && time.Since(start) < b.o.duration {
				if b.numbers.Load()-b.settled.Load() < benchBacklog {
					return true
				}
				pause(ctx, time.Millisecond)
			}
			return false
		})
		m.Tasks = b.settled.Load() - before
		return err
	})
	if err != nil {
		return err
	}
	return b.untilSettled(ctx, "the rest")
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// progress shows how far a step is; with --quiet nobody sees it.
func (b *benchRun) progress(label string, total int) *console.Progress {
	return b.o.app.newProgress(label, int64(total))
}
