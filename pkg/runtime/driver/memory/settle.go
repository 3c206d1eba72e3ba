package memory

import (
	"bytes"
	"context"
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Settle ends or returns leased tasks, each in one fenced step.
func (b broker) Settle(ctx context.Context, c runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
	ps := make([]prepared, len(ss))
	for i := range ss {
		ps[i].prepare(&ss[i])
	}
	if err := b.enter(ctx); err != nil {
		return nil, err
	}
	defer b.exit()
	out := make([]runtime.SettleResult, len(ss))
	for i := range ss {
		out[i] = b.settle(c, &ss[i], &ps[i])
	}
	return out, nil
}

// prepared is what a settlement brings along, checked and encoded outside of
// the store.
type prepared struct {
	effects *draft
	next    []byte
	result  []byte
	err     error
}

func (p *prepared) prepare(s *runtime.Settlement) {
	if s.Outcome < runtime.Succeeded || s.Outcome > runtime.Acknowledged {
		p.err = runtime.Errorf(runtime.CodeInvalid, "settle: unknown outcome")
		return
	}
	p.result = bytes.Clone(s.Result)
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

// staysIn refuses a next envelope that is for another queue: a task is counted
// in one queue for life.
func (t *task) staysIn(queue string) error {
	if queue == t.Queue {
		return nil
	}
	return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("task %s cannot move from queue %s to %s", t.ID, t.Queue, queue))
}

// leased returns the task of a lease that c still has, or nil. Time alone does
// not end a lease: somebody has to take it back.
func (s *store) leased(c runtime.Consumer, l runtime.Lease) *task {
	t := s.task(l.TaskID)
	if t == nil || t.Place != runtime.PlaceLeased || t.fence != l.Fence || t.holder.consumer != c {
		return nil
	}
	return t
}

func (s *store) settle(c runtime.Consumer, st *runtime.Settlement, p *prepared) runtime.SettleResult {
	if s.repeated(st) {
		return runtime.SettleResult{Status: runtime.Repeated, Effects: known(st.Effects)}
	}
	t := s.leased(c, st.Lease)
	if t == nil {
		return runtime.SettleResult{Status: runtime.LeaseLost}
	}
	if p.err == nil && p.next != nil {
		p.err = t.staysIn(st.Next.Queue)
	}
	if p.err != nil {
		return runtime.SettleResult{Status: runtime.Refused, Err: p.err}
	}
	t.entry.settledFence, t.entry.settledAs = st.Lease.Fence, st.Outcome
	if p.result != nil || st.Outcome.Terminal() || st.Outcome == runtime.Retried {
		t.Body = p.result
	}
	s.apply(t, st, p)
	r := runtime.SettleResult{Status: runtime.Settled}
	if p.effects != nil {
		r.Effects = s.commit(p.effects)
	}
	return r
}

// repeated reports whether a settlement is the last one of its task once more.
func (s *store) repeated(st *runtime.Settlement) bool {
	e := s.known[st.Lease.TaskID]
	return e != nil && e.settledFence == st.Lease.Fence && e.settledAs == st.Outcome && st.Lease.Fence != 0
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
func (s *store) apply(t *task, st *runtime.Settlement, p *prepared) {
	switch st.Outcome {
	case runtime.Acknowledged:
		t.acked = true
		s.touch(t)
	case runtime.Retried:
		s.retry(t, st, p)
	case runtime.Released:
		t.DueAt = st.At.UTC()
		s.putBack(t, runtime.StateQueued)
	case runtime.Parked:
		s.parkTask(t, st)
	default:
		s.end(t, ending{
			state: st.Outcome.State(), reason: st.Reason, err: st.Error, worker: t.Worker, keep: st.Keep,
		})
	}
}

func (s *store) retry(t *task, st *runtime.Settlement, p *prepared) {
	if p.next != nil {
		t.adopt(st.Next, p.next)
	}
	t.DueAt = st.At.UTC()
	t.paid = false
	t.Reason, t.Error = st.Reason, st.Error
	if s.putBack(t, runtime.StateRetried) {
		s.queue(t.Queue).stat.Retried++
	}
}

func (s *store) parkTask(t *task, st *runtime.Settlement) {
	if s.endRevoked(t) {
		return
	}
	s.freeSlots(t)
	t.Reason, t.Error = st.Reason, st.Error
	s.putAside(t, runtime.PlaceParked)
}

// putBack returns a task from a worker's hands to the line, or to its delay
// until DueAt, without its slots. One whose end has been ordered does not go
// back: it ends here, and putBack reports false.
func (s *store) putBack(t *task, state runtime.State) bool {
	if s.endRevoked(t) {
		return false
	}
	s.freeSlots(t)
	t.State, t.Worker = state, ""
	s.lineUp(t)
	return true
}
