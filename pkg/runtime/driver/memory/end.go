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
	s.seq++
	t.endSeq = s.seq
	t.State, t.Reason, t.Error, t.Worker = e.state, e.reason, e.err, e.worker
	t.FinishedAt, t.LimitKey = s.now, ""
	t.revoked, t.acked, t.started, t.paid = nil, false, false, false

	q := s.queue(t.Queue)
	s.ended.put(t.endSeq, t)
	if e.state == runtime.StateFailed {
		q.stat.Failed++
		s.dead.put(t.endSeq, t)
		s.move(t, runtime.PlaceDead)
	} else {
		s.finish(q, t, e)
	}
	s.freeSlots(t)
	s.releaseKey(t)
	s.countInGroup(t)
	if e.keep < 0 && t.Place == runtime.PlaceDone {
		s.forget(t)
	}
}

// finish puts t among the done; only its record remains, for a while.
func (s *store) finish(q *queue, t *task, e ending) {
	if e.state == runtime.StateSucceeded {
		q.stat.Succeeded++
	} else {
		q.stat.Cancelled++
	}
	if e.keep == 0 {
		e.keep = runtime.DefaultKeep
	}
	t.KeepUntil = s.now.Add(e.keep)
	t.raw, t.uses = nil, nil
	s.move(t, runtime.PlaceDone)
	s.listed.drop()
}

// forget removes the record of a task that is done, or a dead letter.
func (s *store) forget(t *task) {
	dead := t.Place == runtime.PlaceDead
	s.leave(s.queue(t.Queue), t)
	t.Place = runtime.PlaceDone // for whoever still has it: nothing may happen to it
	t.endSeq = 0
	s.ended.drop()
	if dead {
		s.dead.drop()
		s.listed.drop()
	}
	delete(s.tasks, t.ID)
}
