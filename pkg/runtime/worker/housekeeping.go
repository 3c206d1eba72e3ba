package worker

import (
	"context"
	"math/rand/v2"
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
	for s.pause(ctx, loopHousekeeping, rest) {
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

// logLosses tells of workers that have died.
func (s *shift) logLosses(r runtime.Recovered) {
	if r.Reclaimed > 0 || r.Poisoned > 0 {
		s.log.Info("tasks of lost workers taken back", "reclaimed", r.Reclaimed, "poisoned", r.Poisoned)
	}
}
