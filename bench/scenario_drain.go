package main

import (
	"context"
	"fmt"
	"time"
)

// drainScenarios: how fast is a worker with plenty to do?
func drainScenarios() []scenario {
	return []scenario{drainScenario("drain10", 10, false), drainScenario("drain100", 100, true)}
}

func drainScenario(name string, concurrency int, both bool) scenario {
	return scenario{
		name:  name,
		about: fmt.Sprintf("drain at concurrency %d, until the store shows nothing unfinished; worker start included", concurrency),
		both:  both,
		load:  func(s scale) int { return s.DrainTasks },
		figures: []figure{
			{"rate", "tasks/s", higher},
			{"cpu_per_1k", "CPU ms per 1,000", lower},
			{"rss_peak", "peak RSS MB", lower},
		},
		run: func(ctx context.Context, r *trial) error {
			r.in = r.loaded
			m := startMeter()
			if err := r.system.Start(ctx, concurrency, r.tally.handle); err != nil {
				return fmt.Errorf("start worker: %w", err)
			}
			left, err := r.untilFinished(ctx, r.scale.Cap)
			if err != nil {
				return err
			}
			r.used(m.stop(), r.loaded-left)
			r.cutOff(left)
			return r.stop(ctx)
		},
	}
}

// untilFinished waits until handlers have seen every task and then until the store holds none that is
// unfinished, but no longer than limit. It returns how many are left.
func (r *trial) untilFinished(ctx context.Context, limit time.Duration) (int, error) {
	deadline := time.Now().Add(limit)
	select {
	case <-r.tally.await(r.in):
	case <-time.After(limit):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for {
		left, err := r.system.Unfinished(ctx)
		if err != nil {
			return 0, fmt.Errorf("count unfinished tasks: %w", err)
		}
		if left == 0 || time.Now().After(deadline) {
			return left, nil
		}
		time.Sleep(time.Millisecond)
	}
}

// cutOff notes that the run ended with tasks left over, if it did.
func (r *trial) cutOff(left int) {
	if left > 0 {
		r.note = fmt.Sprintf("cut off after %s with %d of %d done", r.scale.Cap, r.in-left, r.in)
	}
}

// stop ends the worker within a generous time.
func (r *trial) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := r.system.Stop(ctx); err != nil {
		return fmt.Errorf("stop worker: %w", err)
	}
	return nil
}
