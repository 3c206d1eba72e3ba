package cli

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

// request makes the next task.
func (b *benchRun) request(timed bool) (runtime.Request, error) {
	id := b.queue + "-" + strconv.FormatInt(b.numbers.Add(1), 10)
	return b.task.Request(benchArgs{Timed: timed, Payload: b.payload, Sent: int64(time.Since(b.begun))}, stem.ID(id))
}

// enqueueOne stores one task by a call of its own.
func (b *benchRun) enqueueOne(ctx context.Context, timed bool) error {
	r, err := b.request(timed)
	if err != nil {
		return err
	}
	if _, err := b.opened.Client().Enqueue(ctx, r); err != nil {
		return err
	}
	b.ledger.confirm(r.ID)
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
	for i := range requests {
		if requests[i], err = b.request(false); err != nil {
			return 0, err
		}
	}
	results, err := b.opened.EnqueueMany(ctx, requests)
	for _, r := range results {
		switch {
		case r.Status == runtime.Accepted:
			b.ledger.confirm(r.ID)
			stored++
		case err == nil && r.Err != nil:
			err = r.Err
		case err == nil:
			err = fmt.Errorf("enqueue %s: the store answers %s", r.ID, r.Status)
		}
	}
	return stored, err
}
