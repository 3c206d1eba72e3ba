package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// The phases of a run; each is a process of its own.
const (
	phaseLoad    = "load"    // store the tasks that the measured process finds waiting
	phaseMeasure = "measure" // run the scenario
	phaseTrickle = "trickle" // be the other process of the cross-process latency
)

// job tells a child process what to do; it travels as JSON in an argument.
type job struct {
	System   string `json:"system"`
	Scenario string `json:"scenario"`
	Sync     string `json:"sync"`
	Rep      int    `json:"rep"` // from 1
	Phase    string `json:"phase"`
	Dir      string `json:"dir"`
	Profile  string `json:"profile,omitempty"` // directory for a CPU profile of the measured phase
	Scale    scale  `json:"scale"`
}

// outcome is what one run of one scenario on one system gave.
type outcome struct {
	System   string             `json:"system"`
	Scenario string             `json:"scenario"`
	Sync     string             `json:"sync"`
	Rep      int                `json:"rep"`
	Figures  map[string]float64 `json:"figures"`
	Batches  map[string]float64 `json:"batches,omitempty"`
	Ledger   Ledger             `json:"ledger"`
	Note     string             `json:"note,omitempty"`
	Failure  string             `json:"failure,omitempty"`
}

// childLimit ends a child that hangs.
const childLimit = 10 * time.Minute

func (j job) String() string {
	return fmt.Sprintf("%s/%s/%s rep %d", j.Scenario, j.System, j.Sync, j.Rep)
}

// inPhase is the same job in another phase.
func (j job) inPhase(phase string) job {
	j.Phase = phase
	return j
}

// measure runs all phases of j in children, in a directory of their own under base.
func (j job) measure(ctx context.Context, base string) outcome {
	out := outcome{}
	err := j.inScratch(base, func(j job) error {
		s, err := scenarioNamed(j.Scenario)
		if err != nil {
			return err
		}
		if s.load != nil {
			if err := j.inPhase(phaseLoad).runChild(ctx, nil); err != nil {
				return err
			}
		}
		if err := j.inPhase(phaseMeasure).runChild(ctx, &out); err != nil {
			return err
		}
		return out.Ledger.Check()
	})
	out.System, out.Scenario, out.Sync, out.Rep = j.System, j.Scenario, j.Sync, j.Rep
	if err != nil {
		out.Failure = err.Error()
	}
	return out
}

func (j job) inScratch(base string, f func(job) error) error {
	dir, err := os.MkdirTemp(base, "stem-bench-")
	if err != nil {
		return fmt.Errorf("make a directory for the store: %w", err)
	}
	j.Dir = dir
	return errors.Join(f(j), os.RemoveAll(dir))
}

// runChild runs j in a child process and decodes what it prints into result, when that is not nil.
func (j job) runChild(ctx context.Context, result any) error {
	ctx, cancel := context.WithTimeout(ctx, childLimit)
	defer cancel()
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own executable: %w", err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, self, "-child", string(text))
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("phase %s: %w: %s", j.Phase, err, bytes.TrimSpace(stderr.Bytes()))
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(stdout.Bytes(), result); err != nil {
		return fmt.Errorf("phase %s: decode output: %w", j.Phase, err)
	}
	return nil
}
