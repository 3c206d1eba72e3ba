package main

import (
	"context"
	"fmt"
	"time"
)

// sustainBacklog is where producers wait for the worker, so that a run measures both at one pace.
const sustainBacklog = 2000

// sustainScenarios: how much do producers and a worker get through together?
func sustainScenarios() []scenario {
	return []scenario{{
		name:  "sustain",
		about: fmt.Sprintf("16 producers with one task a call and a worker at concurrency 100 in one process, backlog held at %d", sustainBacklog),
		both:  true,
		figures: []figure{
			{"rate", "tasks/s", higher},
			{"cpu_per_1k", "CPU ms per 1,000", lower},
			{"rss_peak", "peak RSS MB", lower},
		},
		run: sustain,
	}}
}

func sustain(ctx context.Context, r *trial) error {
	if err := r.system.Start(ctx, 100, r.tally.handle); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	m := startMeter()
	in, err := producers{count: 16, batch: 1, backlog: sustainBacklog}.run(ctx, r, time.Now().Add(r.scale.SustainFor))
	if err != nil {
		return err
	}
	r.used(m.stop(), int(r.tally.distinct.Load()))
	r.in = in
	if _, err := r.untilFinished(ctx, r.scale.Cap); err != nil {
		return err
	}
	return r.stop(ctx)
}
