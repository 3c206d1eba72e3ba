package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// scenario is one question, asked of every system in the same way.
type scenario struct {
	name    string
	about   string          // how it is measured, for the notes under the table
	load    func(scale) int // tasks stored before the measured process starts; nil: none
	figures []figure
	both    bool                // also measured with synchronous=FULL
	memory  bool                // on stem's memory store
	skip    func(column) string // why a system is left out; nil: none is
	run     func(ctx context.Context, r *trial) error
}

// figure is one row of the table.
type figure struct {
	key    string // in trial.figures
	title  string
	better direction
}

// direction says which way a ratio points.
type direction int

const (
	higher direction = iota
	lower
)

// scale is how much of everything a run does.
type scale struct {
	DrainTasks   int           `json:"drainTasks"`
	Cap          time.Duration `json:"cap"` // a drain is cut off after this
	EnqueueFor   time.Duration `json:"enqueueFor"`
	SustainFor   time.Duration `json:"sustainFor"`
	LatencyTasks int           `json:"latencyTasks"`
	Settle       time.Duration `json:"settle"` // a started worker has this to become idle
	IdleFor      time.Duration `json:"idleFor"`
	Backlogs     [3]int        `json:"backlogs"`
	BacklogFor   time.Duration `json:"backlogFor"`
	MemoryTasks  int           `json:"memoryTasks"`
}

// fullScale is what the published table uses.
var fullScale = scale{
	DrainTasks:   50_000,
	Cap:          12 * time.Second,
	EnqueueFor:   3 * time.Second,
	SustainFor:   8 * time.Second,
	LatencyTasks: 300,
	Settle:       time.Second,
	IdleFor:      10 * time.Second,
	Backlogs:     [3]int{1_000, 100_000, 1_000_000},
	BacklogFor:   3 * time.Second,
	MemoryTasks:  200_000,
}

// quickScale only shows that every part works and every ledger adds up.
var quickScale = scale{
	DrainTasks:   150,
	Cap:          time.Second,
	EnqueueFor:   100 * time.Millisecond,
	SustainFor:   300 * time.Millisecond,
	LatencyTasks: 10,
	Settle:       100 * time.Millisecond,
	IdleFor:      200 * time.Millisecond,
	Backlogs:     [3]int{200, 1_000, 5_000},
	BacklogFor:   200 * time.Millisecond,
	MemoryTasks:  10_000,
}

// scenarios lists every question, in the order of the table.
func scenarios() []scenario {
	return slices.Concat(
		enqueueScenarios(), drainScenarios(), sustainScenarios(),
		latencyScenarios(), idleScenarios(), backlogScenarios(), memoryScenarios(),
	)
}

// scenarioNamed finds a scenario by its name.
func scenarioNamed(name string) (scenario, error) {
	var known []string
	for _, s := range scenarios() {
		if s.name == name {
			return s, nil
		}
		known = append(known, s.name)
	}
	return scenario{}, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(known, ", "))
}

// skips says why c is left out of s; empty when it runs.
func (s scenario) skips(c column) string {
	if c.skip != nil {
		if why := c.skip(s.name); why != "" {
			return why
		}
	}
	return s.excludes(c)
}

// excludes is the part of skips that lies in the question rather than in the system.
func (s scenario) excludes(c column) string {
	if s.skip == nil {
		return ""
	}
	return s.skip(c)
}

// trial is one run of one scenario on one system: what a scenario's run function works with.
type trial struct {
	job    job
	scale  scale
	system System
	loaded int // tasks 0 to loaded-1 wait in the store already
	tally  *tally

	// What run leaves behind:
	in      int // tasks confirmed in all, those loaded included
	figures map[string]float64
	note    string // why the run was cut off; empty when it was not
}

func (r *trial) set(key string, value float64) { r.figures[key] = value }

// used records what a stretch of work cost that got through so many tasks.
func (r *trial) used(u usage, tasks int) {
	r.set("other_cpu", u.other)
	if tasks > 0 {
		r.set("rate", float64(tasks)/u.wall.Seconds())
		r.set("cpu_per_1k", float64(u.cpu.Microseconds())/float64(tasks))
	}
}
