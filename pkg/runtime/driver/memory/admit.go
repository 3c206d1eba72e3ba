package memory

import (
	"context"
	"slices"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Admit grants the rates and slots of leased tasks, or moves the tasks to where
// they will come back from by themselves.
func (b broker) Admit(ctx context.Context, c runtime.Consumer, as []runtime.Admission) ([]runtime.Verdict, error) {
	if err := b.enter(ctx); err != nil {
		return nil, err
	}
	defer b.exit()
	out := make([]runtime.Verdict, len(as))
	for i, a := range as {
		t := b.leased(c, a.Lease)
		if t == nil || b.endRevoked(t) { // revoked before it began: it ends here
			out[i].Lost = true
			continue
		}
		t.started = t.started || a.Started
		t.uses = slices.Clone(a.Uses)
		out[i] = b.admit(t)
	}
	return out, nil
}

// admit grants all uses of t or none. Slots come first: they are held from here
// on, also while a booked rate runs off, so that the task can run when it comes
// back without asking again.
func (s *store) admit(t *task) runtime.Verdict {
	if full := s.takeSlots(t); full != nil {
		t.LimitKey = full.key
		s.putAside(t, runtime.PlaceWaiting)
		return runtime.Verdict{Key: full.key}
	}
	if t.paid {
		return runtime.Verdict{Run: true}
	}
	slowest, until := s.book(t)
	if slowest == nil {
		return runtime.Verdict{Run: true}
	}
	t.paid = true
	t.LimitKey, t.DueAt = slowest.key, until
	s.putAside(t, runtime.PlaceDelayed)
	return runtime.Verdict{Until: until}
}

// putAside ends the lease of a task that has not begun: a hand-out that came to
// nothing does not save it from expiring.
func (s *store) putAside(t *task, to runtime.Place) {
	t.State, t.Worker, t.inTime = runtime.StateQueued, "", false
	s.move(t, to)
}

// takeSlots gives t all the slots it asked for, or none and the first limit
// that has none to spare. Slots it has already are not asked for again.
func (s *store) takeSlots(t *task) (full *limit) {
	for _, u := range t.uses {
		if l := s.limits[u.Key]; l != nil && l.isFull(u, t) {
			return l
		}
	}
	for _, u := range t.uses {
		if s.numbers(u).Slots > 0 {
			s.limitOf(u).take(t, s.now)
		}
	}
	return nil
}

// admitted reports whether t has everything that it last asked for, so that it
// may run when it comes back: its rates are booked and it holds its slots.
func (s *store) admitted(t *task) bool {
	if !t.paid || len(t.uses) == 0 {
		return false
	}
	for _, u := range t.uses {
		if s.numbers(u).Slots > 0 && !s.limits[u.Key].holds(t) {
			return false
		}
	}
	return true
}

// freeSlots gives back the slots of t and hands each to the next in line.
func (s *store) freeSlots(t *task) {
	freed := t.slots
	t.slots = nil
	for _, l := range freed {
		delete(l.holders, t)
	}
	for _, l := range freed {
		s.serve(l)
	}
}

// serve gives free slots of l to those who wait for them, first come, first
// served. Who gets its slot keeps it while it is in the line again; who lacks
// the slot of another limit joins the wait list of that one.
func (s *store) serve(l *limit) {
	for t := l.waiting.head; t != nil; t = l.waiting.head {
		full := s.takeSlots(t)
		if full == l {
			return
		}
		if full != nil {
			s.rejoin(t, full)
			continue
		}
		t.LimitKey = ""
		s.move(t, runtime.PlaceReady)
	}
	s.tidy(l)
}

func (s *store) rejoin(t *task, other *limit) {
	t.LimitKey = other.key
	s.move(t, runtime.PlaceWaiting)
}
