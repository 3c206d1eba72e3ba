package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
)

// runJob is the whole of a child process: open the system, do the phase, print the outcome.
func runJob(ctx context.Context, text string, stdout io.Writer) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return fmt.Errorf("decode job: %w", err)
	}
	r, s, err := newTrial(j)
	if err != nil {
		return err
	}
	if err := r.system.Open(ctx, Settings{Dir: j.Dir, Sync: j.Sync, Memory: s.memory}); err != nil {
		return fmt.Errorf("open %s: %w", j.System, err)
	}
	out, err := r.phase(ctx, s)
	if err := errors.Join(err, r.system.Close()); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(out)
}

func newTrial(j job) (*trial, scenario, error) {
	c, err := columnNamed(j.System)
	if err != nil {
		return nil, scenario{}, err
	}
	s, err := scenarioNamed(j.Scenario)
	if err != nil {
		return nil, scenario{}, err
	}
	r := &trial{job: j, scale: j.Scale, system: c.create(), tally: newTally(), figures: map[string]float64{}}
	if s.load != nil {
		r.loaded = s.load(j.Scale)
	}
	return r, s, nil
}

func (r *trial) phase(ctx context.Context, s scenario) (outcome, error) {
	switch r.job.Phase {
	case phaseLoad:
		return outcome{}, r.load(ctx)
	case phaseTrickle:
		return outcome{}, r.trickle(ctx)
	case phaseMeasure:
		return r.measure(ctx, s)
	}
	return outcome{}, fmt.Errorf("no phase %q", r.job.Phase)
}

// load enqueues the tasks that the measured process will find.
func (r *trial) load(ctx context.Context) error {
	const batch = 1000
	for seq := 0; seq < r.loaded; seq += batch {
		if err := r.system.Enqueue(ctx, newPayloads(seq, min(batch, r.loaded-seq))); err != nil {
			return fmt.Errorf("load tasks: %w", err)
		}
	}
	return nil
}

// measure runs the scenario and closes the account with what the store holds.
func (r *trial) measure(ctx context.Context, s scenario) (outcome, error) {
	if err := r.profiled(func() error { return s.run(ctx, r) }); err != nil {
		return outcome{}, err
	}
	r.set("rss_peak", memoryMB("VmHWM"))
	counts, err := r.system.Counts(ctx)
	if err != nil {
		return outcome{}, fmt.Errorf("count tasks: %w", err)
	}
	out := outcome{Figures: r.figures, Ledger: r.tally.ledger(r.in, counts), Note: r.note}
	if b, ok := r.system.(Batcher); ok {
		out.Batches = b.Batches()
	}
	return out, nil
}

// profiled runs f, under the CPU profiler when that was asked for.
func (r *trial) profiled(f func() error) error {
	if r.job.Profile == "" {
		return f()
	}
	name := fmt.Sprintf("%s-%s-%s-%d.pprof", r.job.Scenario, r.job.System, r.job.Sync, r.job.Rep)
	file, err := os.Create(filepath.Join(r.job.Profile, name))
	if err != nil {
		return fmt.Errorf("create profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(fmt.Errorf("start profile: %w", err), file.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}
