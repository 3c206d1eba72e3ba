package drivertest

import (
	"context"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// env is the world of one case: a store, its first opening, and a clock that
// stands still. Its methods are the words cases are written in; each fails the
// case when the port answers with an error.
type env struct {
	*testing.T
	*runtime.Backend
	ctx   context.Context
	store Store
	clock *Clock
}

const (
	queue       = "default"
	lease       = 30 * time.Second
	caseTimeout = time.Minute
)

// Two workers, and the first one started again.
var (
	w1      = runtime.Consumer{Worker: "w1", Incarnation: "1"}
	w2      = runtime.Consumer{Worker: "w2", Incarnation: "1"}
	w1again = runtime.Consumer{Worker: "w1", Incarnation: "2"}
)

// newEnv makes a world of its own; a nil clock is the machine's.
func newEnv(t *testing.T, h Harness, clock *Clock) *env {
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	t.Cleanup(cancel)
	var now runtime.Clock
	if clock != nil {
		now = clock.Now
	}
	e := &env{T: t, ctx: ctx, clock: clock, store: h.New(t, now)}
	e.Backend = e.open()
	return e
}

// open is another process' view of the store.
func (e *env) open() *runtime.Backend {
	e.Helper()
	return openStore(e.T, e.store)
}

func openStore(t *testing.T, s Store) *runtime.Backend {
	t.Helper()
	b := s.Open(t)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return b
}

// from is e as another process sees it.
func (e *env) from(b *runtime.Backend) *env {
	other := *e
	other.Backend = b
	return &other
}

// ok fails the case on an error.
func (e *env) ok(err error, doing string) {
	e.Helper()
	if err != nil {
		e.Fatalf("%s: %v", doing, err)
	}
}

// fails asks for an error of a code.
func (e *env) fails(err error, want *runtime.Error, doing string) {
	e.Helper()
	if runtime.CodeOf(err) != want.Code {
		e.Fatalf("%s: error %v; want code %q", doing, err, want.Code)
	}
}

// ---- time ----

// after is the instant d from now on the store's clock.
func (e *env) after(d time.Duration) time.Time { return e.clock.Now().Add(d) }

// pass lets d go by and does the housekeeping that has become due.
func (e *env) pass(d time.Duration) runtime.Recovered {
	e.Helper()
	e.clock.Advance(d)
	return e.recover()
}

// recover does housekeeping until there is no more to do, and adds up.
func (e *env) recover() runtime.Recovered {
	e.Helper()
	return e.recoverWith(runtime.Recover{})
}

func (e *env) recoverWith(r runtime.Recover) runtime.Recovered {
	e.Helper()
	var sum runtime.Recovered
	for range 1000 {
		step, err := e.Broker.Recover(e.ctx, r)
		e.ok(err, "recover")
		sum.Promoted += step.Promoted
		sum.Reclaimed += step.Reclaimed
		sum.Poisoned += step.Poisoned
		sum.Expired += step.Expired
		sum.Unparked += step.Unparked
		sum.Swept += step.Swept
		sum.NextDue = step.NextDue
		if !step.More {
			return sum
		}
	}
	e.Fatal("recover: More is still set after 1000 steps; it would spin")
	return sum
}

// eventually waits for a condition that another goroutine brings about.
func (e *env) eventually(what string, holds func() bool) {
	e.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			e.Fatalf("after 10s, not yet: %s", what)
		}
	}
}
