package runtime_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// The whole table, so that a transition can neither appear nor go by accident.
func TestStateTransitions(t *testing.T) {
	legal := map[runtime.State]string{
		"":                     "queued",
		runtime.StateQueued:    "running failed cancelled",
		runtime.StateRunning:   "queued retried succeeded failed cancelled",
		runtime.StateRetried:   "running failed cancelled",
		runtime.StateFailed:    "queued",
		runtime.StateSucceeded: "",
		runtime.StateCancelled: "",
	}
	if len(legal) != len(runtime.States)+1 {
		t.Fatalf("the table has %d states, the package %d", len(legal), len(runtime.States))
	}
	for from, to := range legal {
		for _, next := range append(slices.Clone(runtime.States), "", "nonsense") {
			want := next != "" && slices.Contains(strings.Fields(to), string(next))
			if got := from.CanBecome(next); got != want {
				t.Errorf("%q to %q: got %t", from, next, got)
			}
		}
	}
	if runtime.State("nonsense").CanBecome(runtime.StateQueued) {
		t.Error("an unknown state can become queued")
	}
}

func TestOutcomes(t *testing.T) {
	cases := []struct {
		o     runtime.Outcome
		name  string
		state runtime.State
		ends  bool
	}{
		{0, "none", runtime.StateQueued, false},
		{runtime.Succeeded, "succeeded", runtime.StateSucceeded, true},
		{runtime.Retried, "retried", runtime.StateRetried, false},
		{runtime.Dead, "dead", runtime.StateFailed, true},
		{runtime.Cancelled, "cancelled", runtime.StateCancelled, true},
		{runtime.Released, "released", runtime.StateQueued, false},
		{runtime.Parked, "parked", runtime.StateQueued, false},
		{runtime.Acknowledged, "acknowledged", runtime.StateRunning, false},
		{99, "unknown", runtime.StateQueued, false},
	}
	for _, c := range cases {
		if c.o.String() != c.name || c.o.State() != c.state || c.o.Terminal() != c.ends {
			t.Errorf("%s: got %s, %s, terminal %t", c.name, c.o, c.o.State(), c.o.Terminal())
		}
		if c.o.Terminal() != c.o.State().Terminal() {
			t.Errorf("%s: outcome and state disagree about the end", c.o)
		}
		if c.o != 0 && c.o < 99 && c.o != runtime.Acknowledged && !runtime.StateRunning.CanBecome(c.o.State()) {
			t.Errorf("%s: a running task cannot become %s", c.o, c.o.State())
		}
	}
}

func TestTerminalStates(t *testing.T) {
	for _, s := range runtime.States {
		for _, next := range runtime.States {
			replay := s == runtime.StateFailed && next == runtime.StateQueued
			if s.Terminal() && s.CanBecome(next) && !replay {
				t.Errorf("%s is an end but can become %s", s, next)
			}
		}
	}
}

func TestStatusNames(t *testing.T) {
	names := map[runtime.PublishStatus]string{
		0: "none", runtime.Accepted: "accepted", runtime.Exists: "exists", runtime.Duplicate: "duplicate",
		runtime.Full: "full", runtime.Invalid: "invalid", 77: "unknown",
	}
	for s, want := range names {
		if s.String() != want {
			t.Errorf("status %d is %q, want %q", s, s, want)
		}
	}
	for m, want := range map[runtime.DrainMode]string{0: "none", runtime.DrainWarm: "warm", runtime.DrainSoft: "soft", runtime.DrainHard: "hard"} {
		if m.String() != want {
			t.Errorf("drain mode %d is %q, want %q", m, m, want)
		}
	}
}
