package sqlite

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

// keepFor is how long a record lives after the end; negative is not at all.
func keepFor(d time.Duration) int64 {
	switch {
	case d == 0:
		return runtime.DefaultKeep.Microseconds()
	case d < 0:
		return -1
	}
	return d.Microseconds()
}

// end is the one way out, whatever ends a task, for all but the plain success
// (settleLean): the record, the group's count, the unique key and the slots
// change together.
func (s *step) end(t *task, e ending) error {
	had := t.flags
	if err := s.close(t, e); err != nil {
		return err
	}
	if had&flagSlots != 0 {
		if err := s.freeSlots(t); err != nil {
			return err
		}
	}
	if had&flagUnique != 0 {
		if err := s.releaseKey(t); err != nil {
			return err
		}
	}
	if had&flagRevoked != 0 {
		if err := s.dropOrder(t.id); err != nil {
			return err
		}
	}
	if had&flagGroup != 0 {
		if err := s.countInGroup(t, e.state); err != nil {
			return err
		}
	}
	if e.keep < 0 && t.place == placeDone {
		return s.forget(t.seq)
	}
	return nil
}

// close writes the end into the row. A dead letter keeps its envelope, and the
// flags that a replay needs.
func (s *step) close(t *task, e ending) error {
	no, err := s.nextEnd()
	if err != nil {
		return err
	}
	t.state, t.reason, t.error, t.worker = int64(stateNumber(e.state)), text(e.reason), text(e.err), text(e.worker)
	t.endNo, t.limitKey, t.uses, t.expiry = no, nil, "", nil
	t.flags &= flagGroup | flagUnique | flagDetails
	q := s.queue(t.queue)
	s.rings |= bellOthers
	if e.state == runtime.StateFailed {
		q.failed++
		t.place = placeDead
		return s.save(t)
	}
	if e.state == runtime.StateSucceeded {
		q.succeeded++
	} else {
		q.cancelled++
	}
	t.place, t.keepUntil = placeDone, s.now+keepFor(e.keep)
	if _, err := s.exec(`UPDATE stem_tasks SET envelope = NULL WHERE seq = ?`, t.seq); err != nil {
		return err
	}
	return s.save(t)
}
