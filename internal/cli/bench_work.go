package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// drain waits until the worker has emptied the queue.
func (b *benchRun) drain(ctx context.Context) error {
	return b.measure(fmt.Sprintf("drain, concurrency %d", b.o.concurrency), func(m *measurement) error {
		start := time.Since(b.begun)
		err := b.untilEnded(ctx, "drain")
		_, m.Tasks = b.ledger.counts()
		m.took = time.Duration(b.last.Load()) - start
		return err
	})
}

// untilEnded waits until everything that is stored has been worked off.
func (b *benchRun) untilEnded(ctx context.Context, label string) error {
	target, _ := b.ledger.counts()
	progress := b.progress(label, int(target))
	defer progress.Done(false)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	seen, since := int64(-1), time.Now()
	for {
		_, n := b.ledger.counts()
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
		err := b.untilEnded(ctx, "latency")
		m.waits = slices.Sorted(slices.Values(b.ledger.timed()))
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
		_, before := b.ledger.counts()
		_, err := b.produce(ctx, benchProducers, func(ctx context.Context) bool {
			for ctx.Err() == nil && time.Since(start) < b.o.duration {
				stored, ended := b.ledger.counts()
				progress.Set(ended-before, "")
				if stored-ended < benchBacklog {
					return true
				}
				pause(ctx, time.Millisecond)
			}
			return false
		})
		_, after := b.ledger.counts()
		m.Tasks = after - before
		return err
	})
	if err != nil {
		return err
	}
	return b.untilEnded(ctx, "the rest")
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
