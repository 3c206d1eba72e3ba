package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// plan is what a run of the program measures.
type plan struct {
	columns   []column
	scenarios []scenario
	syncs     []string // NORMAL, FULL
	reps      int
	scale     scale
	profile   string // directory for CPU profiles; empty: none
}

// jobs lists every measured run in order: each scenario of each repetition runs all systems before the
// next, and each repetition starts with another system, so that nobody always runs first or after the
// same neighbour.
func (p plan) jobs() []job {
	var jobs []job
	for rep := 1; rep <= p.reps; rep++ {
		for _, sync := range p.syncs {
			for _, s := range p.scenarios {
				if sync != syncNormal && !s.both {
					continue
				}
				for _, c := range rotated(p.columns, rep-1) {
					if s.skips(c) == "" {
						jobs = append(jobs, job{System: c.name, Scenario: s.name, Sync: sync, Rep: rep, Scale: p.scale, Profile: p.profile})
					}
				}
			}
		}
	}
	return jobs
}

// run measures every job and tells progress as it goes.
func (p plan) run(ctx context.Context, base string, progress io.Writer) ([]outcome, error) {
	jobs := p.jobs()
	var outcomes []outcome
	for i, j := range jobs {
		began := time.Now()
		out := j.measure(ctx, base)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		outcomes = append(outcomes, out)
		fmt.Fprintf(progress, "%3d/%d  %-34s %5.1fs  %s\n", i+1, len(jobs), j, time.Since(began).Seconds(), out.summary())
	}
	return outcomes, nil
}

// summary is one line about a run for the progress display.
func (o outcome) summary() string {
	if o.Failure != "" {
		return "FAILED: " + o.Failure
	}
	line := ""
	s, err := scenarioNamed(o.Scenario)
	if err != nil {
		return err.Error()
	}
	for _, f := range s.figures {
		line += fmt.Sprintf("%s %s  ", f.key, number(o.Figures[f.key]))
	}
	return line + "ledger: " + o.Ledger.String()
}

// rotated is s with its first n elements moved to the end.
func rotated[T any](s []T, n int) []T {
	if len(s) == 0 {
		return nil
	}
	n %= len(s)
	return append(append([]T{}, s[n:]...), s[:n]...)
}
