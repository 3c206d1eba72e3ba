package main

import (
	"context"
	"fmt"
)

// idleScenarios: what does a worker cost that has nothing to do?
func idleScenarios() []scenario {
	return []scenario{{
		name:  "idle",
		about: "a worker at concurrency 100 with an empty store, after a second to settle",
		figures: []figure{
			{"cpu_pct", "CPU, % of a core", lower},
			{"rss", "RSS MB", lower},
		},
		run: func(ctx context.Context, r *trial) error {
			if err := r.system.Start(ctx, 100, r.tally.handle); err != nil {
				return fmt.Errorf("start worker: %w", err)
			}
			r.rest(ctx, r.scale.Settle)
			m := startMeter()
			r.rest(ctx, r.scale.IdleFor)
			u := m.stop()
			r.set("cpu_pct", 100*u.cpu.Seconds()/u.wall.Seconds())
			r.set("other_cpu", u.other)
			r.set("rss", memoryMB("VmRSS"))
			return r.stop(ctx)
		},
	}}
}
