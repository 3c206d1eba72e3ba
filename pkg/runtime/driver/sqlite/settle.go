package sqlite

import (
	"context"
	"fmt"
	"strconv"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Settle ends or returns leased tasks, each in one fenced step.
func (b broker) Settle(ctx context.Context, c runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
	if len(ss) == 0 {
		return nil, ctx.Err()
	}
	ps := make([]prepared, len(ss))
	for i := range ss {
		ps[i].prepare(&ss[i])
	}
	return write(ctx, b.store, "settle tasks", func(s *step) ([]runtime.SettleResult, error) { return s.settleAll(c, ps) })
}

// prepared is a settlement with what it brings along checked and encoded,
// outside of the transaction.
type prepared struct {
	*runtime.Settlement
	effects *draft
	next    []byte
	err     error
}

func (p *prepared) prepare(s *runtime.Settlement) {
	p.Settlement = s
	if s.Outcome < runtime.Succeeded || s.Outcome > runtime.Acknowledged {
		p.err = runtime.Errorf(runtime.CodeInvalid, "settle: unknown outcome")
		return
	}
	if s.Effects != nil {
		if p.effects, p.err = newDraft(s.Effects); p.err != nil {
			return
		}
	}
	if s.Outcome == runtime.Retried && s.Next != nil {
		p.next, p.err = encodeNext(s.Next, s.Lease.TaskID)
	}
}

func encodeNext(e *runtime.Envelope, id string) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	if e.ID != id {
		return nil, runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("the next envelope of task %s has the id %s", id, e.ID))
	}
	return encode(e)
}

func (s *step) settleAll(c runtime.Consumer, ps []prepared) ([]runtime.SettleResult, error) {
	var consumer int64
	_, err := one(s, `SELECT id FROM stem_consumers WHERE worker = ? AND incarnation = ?`, func(r row) { consumer = r.int(0) },
		c.Worker, c.Incarnation)
	if err != nil {
		return nil, err
	}
	out := make([]runtime.SettleResult, len(ps))
	for i := range ps {
		p := &ps[i]
		lean, err := s.settleLean(c, consumer, p)
		if err != nil {
			return nil, err
		}
		if lean {
			out[i].Status = runtime.Settled
			continue
		}
		if out[i], err = s.settle(c, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Nothing but the row itself hangs on a task without flags, so that its success
// is one statement. Dropping the envelope makes room for the body: a row that
// grew would split its page.
var settleLean = sqlText(`
UPDATE stem_tasks SET
  place = #done, state = #succeeded, settled = ?, updated = ?, end_no = ?, keep_until = ?, consumer = NULL,
  worker = ?, body = ?, envelope = NULL
WHERE seq = ? AND id = ? AND deliveries & ` + strconv.Itoa(deliveryMask) + ` = ? AND consumer = ? AND queue = ?
  AND place = #leased AND flags = 0`)

// settleLean tries the short way for what most settlements are, and reports
// whether it was one of those.
func (s *step) settleLean(c runtime.Consumer, consumer int64, p *prepared) (bool, error) {
	if p.Outcome != runtime.Succeeded || p.err != nil || p.effects != nil || p.Keep < 0 || consumer == 0 {
		return false, nil
	}
	no, err := s.nextEnd()
	if err != nil {
		return false, err
	}
	h := handOutOf(p.Lease)
	n, err := s.exec(settleLean, settledAs(h.delivery, p.Outcome), s.now, no, s.now+keepFor(p.Keep), c.Worker, p.Result,
		h.seq, p.Lease.TaskID, h.delivery, consumer, p.Lease.Queue)
	if err != nil || n == 0 {
		s.ends--
		return false, err
	}
	s.count(p.Lease.Queue, placeLeased, placeDone, 1)
	s.queue(p.Lease.Queue).succeeded++
	s.rings |= bellOthers
	return true, nil
}

// settle goes the long way: it reads the task, decides and writes it back.
func (s *step) settle(c runtime.Consumer, p *prepared) (runtime.SettleResult, error) {
	none := runtime.SettleResult{Status: runtime.LeaseLost}
	t, err := s.leased(p.Lease)
	if err != nil || t == nil {
		return none, err
	}
	if t.settled == settledAs(handOutOf(p.Lease).delivery, p.Outcome) {
		return runtime.SettleResult{Status: runtime.Repeated, Effects: known(p.Effects)}, nil
	}
	if !t.heldBy(c, p.Lease) {
		return none, nil
	}
	if p.err != nil {
		return runtime.SettleResult{Status: runtime.Refused, Err: p.err}, nil
	}
	t.settled = settledAs(handOutOf(p.Lease).delivery, p.Outcome)
	if err := s.apply(t, p); err != nil {
		return none, err
	}
	r := runtime.SettleResult{Status: runtime.Settled}
	if p.effects != nil {
		r.Effects, err = s.commit(p.effects)
	}
	return r, err
}

// known answers for effects that were committed by the settlement this one
// repeats.
func known(e *runtime.Effects) []runtime.PublishResult {
	if e == nil {
		return nil
	}
	out := make([]runtime.PublishResult, len(e.Publish))
	for i, p := range e.Publish {
		out[i].Status = runtime.Exists
		if p.Envelope != nil {
			out[i].ID = p.Envelope.ID
		}
	}
	return out
}

// apply carries out the outcome of a settlement that is in order.
func (s *step) apply(t *task, p *prepared) error {
	if p.Result != nil || p.Outcome.Terminal() || p.Outcome == runtime.Retried {
		if _, err := s.exec(`UPDATE stem_tasks SET body = ? WHERE seq = ?`, p.Result, t.seq); err != nil {
			return err
		}
	}
	switch p.Outcome {
	case runtime.Acknowledged:
		t.flags |= flagAcked
		return s.save(t)
	case runtime.Retried:
		return s.retry(t, p)
	case runtime.Released:
		t.due = micros(p.At)
		_, err := s.putBack(t, runtime.StateQueued)
		return err
	case runtime.Parked:
		return s.park(t, p)
	}
	return s.end(t, ending{state: p.Outcome.State(), reason: p.Reason, err: p.Error, worker: t.holder, keep: p.Keep})
}

func (s *step) retry(t *task, p *prepared) error {
	if p.next != nil {
		if err := s.adopt(t, p.Next, p.next); err != nil {
			return err
		}
	}
	t.due = micros(p.At)
	t.flags &^= flagPaid
	t.reason, t.error = text(p.Reason), text(p.Error)
	back, err := s.putBack(t, runtime.StateRetried)
	if back {
		s.queue(t.queue).retried++
	}
	return err
}

// adopt makes e, encoded as raw, the envelope of t. Id and queue are for life.
func (s *step) adopt(t *task, e *runtime.Envelope, raw []byte) error {
	t.name, t.priority, t.attempt, t.visibility = e.Name, int64(e.Priority), int64(e.Attempt), span(e.VisibilityTimeout)
	_, err := s.exec(`UPDATE stem_tasks SET envelope = ? WHERE seq = ?`, raw, t.seq)
	return err
}

func (s *step) park(t *task, p *prepared) error {
	if ended, err := s.endRevoked(t); err != nil || ended {
		return err
	}
	t.place, t.reason, t.error = placeParked, text(p.Reason), text(p.Error)
	return s.saveFreed(t.aside())
}

// putBack returns a task from a worker's hands to the line, or to its delay
// until it is due, without its slots. One whose end has been ordered does not go
// back: it ends here, and putBack reports false.
func (s *step) putBack(t *task, state runtime.State) (bool, error) {
	if ended, err := s.endRevoked(t); err != nil || ended {
		return false, err
	}
	t.state = int64(stateNumber(state))
	s.line(t)
	return true, s.saveFreed(t)
}

// saveFreed saves a task that goes back and frees its slots.
func (s *step) saveFreed(t *task) error {
	had := t.flags&flagSlots != 0
	t.flags &^= flagSlots
	if err := s.save(t); err != nil || !had {
		return err
	}
	return s.freeSlots(t)
}
