package drivertest

import (
	"context"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// env is the world of one case: a store, its first opening, a clock.
type env struct {
	*testing.T
	*runtime.Backend
	ctx   context.Context
	store Store
	clock *Clock
}

const caseTimeout = time.Minute

func newEnv(t *testing.T, h Harness) *env {
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	t.Cleanup(cancel)
	clock := NewClock()
	e := &env{T: t, ctx: ctx, clock: clock, store: h.New(t, clock.Now)}
	e.Backend = e.open()
	return e
}

// open is another process' view of the store.
func (e *env) open() *runtime.Backend {
	e.Helper()
	b := e.store.Open(e.T)
	e.Cleanup(func() {
		if err := b.Close(); err != nil {
			e.Errorf("close the store: %v", err)
		}
	})
	return b
}
