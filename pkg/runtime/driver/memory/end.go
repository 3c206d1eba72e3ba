package memory

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// ending says how a task ends: succeeded, cancelled, or failed and then it is a
// dead letter.
type ending struct {
	state  runtime.State
	reason string
	err    string
	worker string        // who ended it; "" when the store did
	keep   time.Duration // of the record: 0 is DefaultKeep, negative none
}

// end is the one way out, whatever ends a task: the record, the group's count,
// the unique key and the slots change together.
func (s *store) end(t *task, e ending) {
	t.State, t.Reason, t.Error, t.Worker = e.state, e.reason, e.err, e.worker
	t.FinishedAt, t.LimitKey = s.now, ""
	t.revoked, t.acked, t.started, t.paid = nil, false, false, false

	s.queue(t.Queue).tally(e.state)
	if e.state == runtime.StateFailed {
		s.bury(t)
	} else {
		s.finish(t, e.keep)
	}
	s.freeSlots(t)
	s.releaseKey(t)
	s.countInGroup(t)
}

// tally counts an end in the totals, which only grow.
func (q *queue) tally(s runtime.State) {
	switch s {
	case runtime.StateSucceeded:
		q.stat.Succeeded++
	case runtime.StateFailed:
		q.stat.Failed++
	default:
		q.stat.Cancelled++
	}
}

// bury makes t a dead letter, which stays until somebody decides.
func (s *store) bury(t *task) {
	s.shelve(t.entry)
	t.onDead = s.dead.put(s.seq, t)
	s.move(t, runtime.PlaceDead)
}

// exhume takes t out of the dead letters, for a new life or for good.
func (s *store) exhume(t *task) {
	s.ended.remove(t.entry.onEnded)
	s.dead.remove(t.onDead)
}

// finish makes t done: its record is kept for a while, and of the rest nothing.
func (s *store) finish(t *task, keep time.Duration) {
	if keep == 0 {
		keep = runtime.DefaultKeep
	}
	t.KeepUntil = s.now.Add(keep)
	s.move(t, runtime.PlaceDone)
	s.listed.remove(t.onListed)
	if keep < 0 {
		delete(s.known, t.ID)
		return
	}
	s.archive(t.entry, t.KeepUntil)
}
