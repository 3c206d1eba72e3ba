package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// keepLeases renews the leases of the whole process by one call, each third of
// the shortest, so that two calls may fail before anything is lost.
func (s *shift) keepLeases(ctx context.Context) {
	trouble := s.outage("renew leases")
	for s.pause(ctx, loopLeases, s.renewEvery()) {
		err := s.renew(ctx)
		switch {
		case err == nil:
			trouble.over()
		case ctx.Err() == nil:
			trouble.wait(ctx, err)
			s.nudge(loopLeases)
		}
	}
}

// renewEvery is a third of the shortest lease; a task's own visibility timeout
// may make one shorter than the process's.
func (s *shift) renewEvery() time.Duration {
	shortest := s.o.Lease
	s.slots.each(func(j *job) {
		if v := j.Envelope.VisibilityTimeout; v > 0 && v < shortest {
			shortest = v
		}
	})
	return max(shortest/3, 10*time.Millisecond)
}

// renew extends everything that is held and not on its way to the store, and
// obeys what comes back. With nothing held it costs nothing.
func (s *shift) renew(ctx context.Context) error {
	var js []*job
	var held []runtime.Lease
	now := time.Now()
	s.slots.each(func(j *job) {
		js = append(js, j)
		held = append(held, j.wanted(now))
	})
	if len(held) == 0 {
		return nil
	}
	x, err := s.broker.Extend(ctx, s.me, held, s.o.Lease)
	if err != nil {
		return err
	}
	s.stats.renewed.Store(now.UnixNano())
	s.slots.each(func(j *job) { j.until = later(j.until, now.Add(s.o.Lease)) })
	for _, l := range x.Lost {
		if j := find(js, l); j != nil {
			s.loseLease(j)
		}
	}
	for _, r := range x.Revoked {
		for _, j := range js {
			if j.Lease.TaskID == r.TaskID {
				s.callOff(j, r)
			}
		}
	}
	return nil
}

// wanted is the lease as Extend wants it: Until says what the handler asked
// for, if that is still to come.
func (j *job) wanted(now time.Time) runtime.Lease {
	l := j.Lease
	l.Until = time.Time{}
	if j.asked.After(now) {
		l.Until = j.asked
	}
	return l
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// find tells two leases of one task apart by their fences.
func find(js []*job, l runtime.Lease) *job {
	for _, j := range js {
		if j.Lease.TaskID == l.TaskID && j.Lease.Fence == l.Fence {
			return j
		}
	}
	return nil
}

// loseLease stops a job that is no longer this worker's. One that is decided is
// on its way to the store, whose answer to the settlement counts, not this one:
// it may be over because it has just been settled. Nor does it count for one
// whose verdict is under way: it may have been put off.
func (s *shift) loseLease(j *job) {
	if j.asking.Load() || !j.decide() {
		return
	}
	j.cancel(runtime.CauseLeaseLost)
	s.slots.detach(j)
	s.slots.withdraw(func(w *job) bool { return w == j })
	s.slots.drop(j)
	s.lost(j)
}

// callOff carries out an order against a task that is here. One that waits ends
// now; one that runs is cancelled if the order says so, and is not tried again.
func (s *shift) callOff(j *job, r runtime.Revocation) {
	if old := j.revocation.Load(); old != nil && (old.Terminate || !r.Terminate) {
		return // it is known already
	}
	j.revocation.Store(&r)
	for _, waiting := range s.slots.withdraw(func(w *job) bool { return w == j && w.decide() }) {
		s.settle(waiting, calledOff(&r))
		return
	}
	if r.Terminate {
		j.cancel(runtime.CauseRevoked)
	}
}

// causeOf is why stem cancelled ctx, or nil.
func causeOf(ctx context.Context) error {
	cause := context.Cause(ctx)
	for _, ours := range []error{runtime.CauseHardLimit, runtime.CauseRevoked, runtime.CauseShutdown, runtime.CauseLeaseLost} {
		if errors.Is(cause, ours) {
			return ours
		}
	}
	return nil
}

// extend keeps one task for longer, because its handler asks.
func (s *shift) extend(ctx context.Context, j *job, by time.Duration) error {
	until := s.slots.ask(j, time.Now().Add(by))
	l := j.Lease
	l.Until = until
	x, err := s.broker.Extend(ctx, s.me, []runtime.Lease{l}, s.o.Lease)
	if err != nil {
		return fmt.Errorf("extend lease: %w", err)
	}
	if len(x.Lost) > 0 {
		s.loseLease(j)
		return j.host.gone()
	}
	for _, r := range x.Revoked {
		s.callOff(j, r)
	}
	return nil
}
