package worker

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	// longestRest bounds how late a task can become due that another process
	// has put into the store meanwhile.
	longestRest  = time.Second
	shortestRest = 5 * time.Millisecond
)

// keepHouse does the store's chores: what is due becomes ready, the leases of
// dead workers go to others, parked tasks that this worker knows come back. All
// workers do it, none depends on another.
func (s *shift) keepHouse(ctx context.Context) {
	trouble := s.outage("keep house")
	rest := time.Duration(0)
	for s.sleep(ctx, rest) {
		r, err := s.broker.Recover(ctx, runtime.Recover{
			Known: s.o.Registry.Names(), Queues: s.queueNames(), MaxLosses: s.o.MaxLosses,
		})
		switch {
		case err == nil:
			trouble.over()
			rest = s.rest(r, rest)
			s.logLosses(r)
		case ctx.Err() == nil:
			trouble.wait(ctx, err)
		}
	}
}

// rest is how long there is nothing to do. When the store's clock says that
// something is due and yet nothing was done, this machine's clock runs ahead:
// the rests then grow instead of spinning.
func (s *shift) rest(r runtime.Recovered, before time.Duration) time.Duration {
	if r.More {
		return 0
	}
	rest := longestRest - rand.N(longestRest/4) // a fleet does not come all at once
	if r.NextDue.IsZero() {
		return rest
	}
	due := r.NextDue.Sub(s.o.Clock.Now())
	if due <= 0 {
		due = max(2*before, shortestRest)
	}
	return min(rest, due)
}

// sleep waits for the end of a rest, or until something is due that this worker
// has put into the store meanwhile. It reports false when ctx has ended.
func (s *shift) sleep(ctx context.Context, rest time.Duration) bool {
	s.alarm.advance(time.Now().Add(rest))
	for left := s.alarm.left(); left > 0; left = s.alarm.left() {
		if !s.pause(ctx, loopHousekeeping, left) {
			return false
		}
	}
	s.alarm.clear() // before the chores: what is put into the store during them counts for the next rest
	return ctx.Err() == nil
}

// dueAt lets the housekeeper get up in time for a task that goes back until
// then. It only sets the alarm: nothing is asked of the store before.
func (s *shift) dueAt(due time.Time) {
	if wait := due.Sub(s.o.Clock.Now()); !due.IsZero() && wait > 0 && s.alarm.advance(time.Now().Add(wait)) {
		s.nudge(loopHousekeeping)
	}
}

// alarm is the earliest of the times it was set to. The zero value is not set.
type alarm struct {
	mu sync.Mutex
	at time.Time
}

// advance sets the alarm to t unless it is set to something earlier, and reports
// whether it did.
func (a *alarm) advance(t time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.at.IsZero() && !t.Before(a.at) {
		return false
	}
	a.at = t
	return true
}

func (a *alarm) left() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Until(a.at)
}

func (a *alarm) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = time.Time{}
}

// logLosses tells of workers that have died.
func (s *shift) logLosses(r runtime.Recovered) {
	if r.Reclaimed > 0 || r.Poisoned > 0 {
		s.log.Info("tasks of lost workers taken back", "reclaimed", r.Reclaimed, "poisoned", r.Poisoned)
	}
}
