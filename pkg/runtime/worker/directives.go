package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// followEvery is how late an order may arrive when its hint got lost.
const followEvery = 2 * time.Second

// followFirst reads the directives before the first task is taken, and insists:
// what is in a paused queue must not be touched.
func (s *shift) followFirst(ctx context.Context) {
	trouble := s.outage("read directives")
	for {
		err := s.follow(ctx)
		if err == nil {
			trouble.over()
			return
		}
		if !trouble.wait(ctx, err) {
			return
		}
	}
}

// keepFollowing looks for what operators have ordered since.
func (s *shift) keepFollowing(ctx context.Context) {
	trouble := s.outage("read directives")
	for s.pause(ctx, loopDirectives, followEvery) {
		err := s.follow(ctx)
		switch {
		case err == nil:
			trouble.over()
		case ctx.Err() == nil:
			trouble.wait(ctx, err)
		}
	}
}

// follow reads the directives that are newer than those it knows, and what
// operators have ordered about limits, and obeys.
func (s *shift) follow(ctx context.Context) error {
	if s.backend.Directives != nil {
		ds, err := s.backend.Directives.Since(ctx, s.pauses.version())
		if err != nil {
			return err
		}
		for _, queue := range s.pauses.apply(ds, s.o.Clock.Now()) {
			s.log.Info("queue paused", "queue", queue)
			s.giveBack(func(j *job) bool { return j.Lease.Queue == queue })
		}
	}
	return s.overrides.follow(ctx, s.backend.Limits)
}

// pauses is which queues are paused, as of a version of the directives. The
// zero value is ready.
type pauses struct {
	mu        sync.Mutex
	seen      int64
	until     map[string]time.Time // by queue; zero: until lifted
	interrupt context.CancelFunc   // ends the Receive in progress
}

func (p *pauses) version() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// open returns the queues that are not paused. interrupt is called as soon as
// that is no longer so.
func (p *pauses) open(all []runtime.QueueShare, interrupt context.CancelFunc) []runtime.QueueShare {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interrupt = interrupt
	if len(p.until) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(q runtime.QueueShare) bool {
		_, paused := p.until[q.Queue]
		return paused
	})
}

// apply takes directives in, lifts pauses that have expired, and returns the
// queues that are newly paused.
func (p *pauses) apply(ds []runtime.Directive, now time.Time) (fresh []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := false
	for _, d := range ds {
		p.seen = max(p.seen, d.Version)
		if d.Kind != runtime.DirectivePause {
			continue
		}
		_, was := p.until[d.Subject]
		if d.Lifted || over(d.Expires, now) {
			delete(p.until, d.Subject)
			changed = changed || was
			continue
		}
		if p.until == nil {
			p.until = map[string]time.Time{}
		}
		p.until[d.Subject] = d.Expires
		if !was {
			changed, fresh = true, append(fresh, d.Subject)
		}
	}
	for queue, until := range p.until {
		if over(until, now) {
			delete(p.until, queue)
			changed = true
		}
	}
	if changed && p.interrupt != nil {
		p.interrupt()
	}
	return fresh
}

// over reports whether a pause has expired; zero is until it is lifted.
func over(expires, now time.Time) bool { return !expires.IsZero() && !expires.After(now) }

// names lists the paused queues, sorted.
func (p *pauses) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for queue := range p.until {
		names = append(names, queue)
	}
	slices.Sort(names)
	return names
}
