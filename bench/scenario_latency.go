package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// latencyScenarios: how long does a task wait for an idle worker?
func latencyScenarios() []scenario {
	figures := []figure{{"p50", "p50 ms", lower}, {"p99", "p99 ms", lower}}
	return []scenario{
		{
			name:    "lat",
			about:   "from the call of enqueue to the start of the handler, idle worker at concurrency 10, same process, a task every 15–25 ms",
			figures: figures,
			run: func(ctx context.Context, r *trial) error {
				return r.latency(ctx, func() error { return r.trickle(ctx) })
			},
		},
		{
			name:    "latx",
			about:   "the same with the producer in another process",
			figures: figures,
			skip: func(c column) string {
				if c.oneProcess {
					return "one process only"
				}
				return ""
			},
			run: func(ctx context.Context, r *trial) error {
				return r.latency(ctx, func() error { return r.job.inPhase(phaseTrickle).runChild(ctx, nil) })
			},
		},
	}
}

// latency measures what produce enqueues, which is LatencyTasks tasks, one at a time.
func (r *trial) latency(ctx context.Context, produce func() error) error {
	var mu sync.Mutex
	waits := make([]float64, 0, r.scale.LatencyTasks)
	handle := func(p Payload) Output {
		wait := time.Since(time.Unix(0, p.At))
		mu.Lock()
		waits = append(waits, float64(wait.Microseconds())/1000)
		mu.Unlock()
		return r.tally.handle(p)
	}
	if err := r.system.Start(ctx, 10, handle); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	r.rest(ctx, r.scale.Settle)
	if err := produce(); err != nil {
		return err
	}
	r.in = r.scale.LatencyTasks
	left, err := r.untilFinished(ctx, r.scale.Cap)
	if err != nil {
		return err
	}
	r.cutOff(left)
	mu.Lock()
	defer mu.Unlock()
	if len(waits) == 0 {
		return fmt.Errorf("none of %d tasks was started", r.in)
	}
	r.set("p50", percentile(waits, 50))
	r.set("p99", percentile(waits, 99))
	return r.stop(ctx)
}

// trickle enqueues LatencyTasks tasks one at a time. The pause varies, so that it never falls into step
// with a poll.
func (r *trial) trickle(ctx context.Context) error {
	pause := rand.New(rand.NewPCG(1, 2))
	for seq := range r.scale.LatencyTasks {
		r.rest(ctx, 15*time.Millisecond+time.Duration(pause.Int64N(int64(10*time.Millisecond))))
		if err := r.system.Enqueue(ctx, newPayloads(seq, 1)); err != nil {
			return fmt.Errorf("enqueue: %w", err)
		}
	}
	return ctx.Err()
}

// rest waits for d or until the run is cancelled.
func (r *trial) rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
