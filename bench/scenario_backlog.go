package main

import (
	"context"
	"fmt"
	"time"
)

// claimBatch is how many tasks a timed claim asks for.
const claimBatch = 100

// backlogScenarios: does a long queue cost more than a short one?
func backlogScenarios() []scenario {
	var all []scenario
	for i, name := range []string{"1k", "100k", "1m"} {
		all = append(all, claimScenario("claim"+name, i))
	}
	return append(all, scenario{
		name:    "rss1m",
		about:   "a worker at concurrency 100 that works on the largest backlog for a few seconds",
		load:    func(s scale) int { return s.Backlogs[2] },
		figures: []figure{{"rss_peak", "peak RSS MB", lower}, {"rate", "tasks/s", higher}},
		skip: func(c column) string {
			if c.family == "stem" || c.family == "raw" {
				return ""
			}
			return "not asked"
		},
		run: backlogRSS,
	})
}

func claimScenario(name string, size int) scenario {
	return scenario{
		name:    name,
		about:   fmt.Sprintf("claims of %d tasks from a backlog of %d, one at a time, the median of ten", claimBatch, fullScale.Backlogs[size]),
		load:    func(s scale) int { return s.Backlogs[size] },
		figures: []figure{{"claim_us", "µs per task", lower}},
		skip: func(c column) string {
			if _, ok := c.create().(Claimer); !ok {
				return "its claim cannot be called by itself"
			}
			return ""
		},
		run: claims,
	}
}

func claims(ctx context.Context, r *trial) error {
	r.in = r.loaded
	claimer := r.system.(Claimer)
	var costs []float64
	for range min(10, r.loaded/claimBatch) {
		began := time.Now()
		tasks, err := claimer.Claim(ctx, claimBatch)
		if err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		if len(tasks) != claimBatch {
			return fmt.Errorf("claim: got %d of %d", len(tasks), claimBatch)
		}
		costs = append(costs, float64(time.Since(began).Nanoseconds())/1000/claimBatch)
		for _, p := range tasks {
			r.tally.see(p.Seq)
		}
	}
	r.set("claim_us", percentile(costs, 50))
	return nil
}

func backlogRSS(ctx context.Context, r *trial) error {
	r.in = r.loaded
	m := startMeter()
	if err := r.system.Start(ctx, 100, r.tally.handle); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	left, err := r.untilFinished(ctx, r.scale.BacklogFor)
	if err != nil {
		return err
	}
	r.used(m.stop(), r.loaded-left)
	return r.stop(ctx)
}
