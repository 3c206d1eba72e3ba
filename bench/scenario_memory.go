package main

import (
	"context"
	"fmt"
	"sync"
)

// memoryScenarios: how much does stem itself cost, with no disk under it?
func memoryScenarios() []scenario {
	return []scenario{{
		name:   "memory",
		about:  "stem on its memory store: the whole trip of tasks enqueued by two producers, 1,000 a call, and run at concurrency 100; arguments and results encoded",
		memory: true,
		figures: []figure{
			{"rate", "tasks/s", higher},
			{"cpu_per_1k", "CPU ms per 1,000", lower},
		},
		skip: func(c column) string {
			if c.name != "stem" {
				return "stem only"
			}
			return ""
		},
		run: memoryTrip,
	}}
}

func memoryTrip(ctx context.Context, r *trial) error {
	const producers, batch = 2, 1000
	r.in = r.scale.MemoryTasks
	if err := r.system.Start(ctx, 100, r.tally.handle); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	m := startMeter()
	var all sync.WaitGroup
	errs := make(chan error, producers)
	for p := range producers {
		all.Go(func() {
			for seq := p * batch; seq < r.in; seq += producers * batch {
				if err := r.system.Enqueue(ctx, newPayloads(seq, min(batch, r.in-seq))); err != nil {
					errs <- fmt.Errorf("enqueue: %w", err)
					return
				}
			}
		})
	}
	limit := 10 * r.scale.Cap // a slow machine is not a failure, a hanging worker is
	left, err := r.untilFinished(ctx, limit)
	if err != nil {
		return err
	}
	r.used(m.stop(), r.in-left)
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	if left > 0 {
		return fmt.Errorf("%d of %d tasks were not done after %s", left, r.in, limit)
	}
	return r.stop(ctx)
}
