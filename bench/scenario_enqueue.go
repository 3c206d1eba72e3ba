package main

import (
	"context"
	"time"
)

// enqueueScenarios: how fast are producers while nobody works?
func enqueueScenarios() []scenario {
	return []scenario{
		enqueueScenario("enq1", "one producer, one task a call", producers{count: 1, batch: 1}),
		enqueueScenario("enq16", "16 producers, one task a call", producers{count: 16, batch: 1}),
		enqueueScenario("enqb100", "one producer, 100 tasks a call", producers{count: 1, batch: 100}),
		enqueueScenario("enqb1000", "one producer, 1,000 tasks a call", producers{count: 1, batch: 1000}),
	}
}

func enqueueScenario(name, who string, p producers) scenario {
	return scenario{
		name:  name,
		about: "enqueue, " + who + "; no worker",
		both:  true,
		figures: []figure{
			{"rate", "tasks/s", higher},
			{"cpu_per_1k", "CPU ms per 1,000", lower},
		},
		run: func(ctx context.Context, r *trial) error {
			m := startMeter()
			in, err := p.run(ctx, r, time.Now().Add(r.scale.EnqueueFor))
			if err != nil {
				return err
			}
			r.used(m.stop(), in)
			r.in = in
			return nil
		},
	}
}
