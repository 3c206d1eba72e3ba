package memory

import (
	"bytes"
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Receive leases ready tasks and waits for the first.
func (b broker) Receive(ctx context.Context, r runtime.Receive) ([]runtime.Delivery, error) {
	if err := checkReceive(&r); err != nil {
		return nil, err
	}
	w := &waiter{ready: make(chan struct{}, 1)}
	claims, err := b.claim(ctx, &r, w)
	if err != nil || len(claims) > 0 || r.Wait <= 0 {
		return deliver(claims), err
	}
	defer b.unwatch(r.Queues, w)
	timer := time.NewTimer(r.Wait)
	defer timer.Stop()
	for len(claims) == 0 && err == nil {
		select {
		case <-w.ready:
			claims, err = b.claim(ctx, &r, w)
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-b.closed:
			return nil, errClosed()
		}
	}
	return deliver(claims), err
}

func checkReceive(r *runtime.Receive) error {
	switch {
	case r.Consumer.Worker == "":
		return runtime.Errorf(runtime.CodeInvalid, "receive: the consumer has no worker")
	case len(r.Queues) == 0:
		return runtime.Errorf(runtime.CodeInvalid, "receive: no queues are named")
	case r.Max < 1 || r.Max > 1000:
		return runtime.Errorf(runtime.CodeInvalid, "receive: max is not 1 to 1000")
	case r.Lease <= 0:
		return runtime.Errorf(runtime.CodeInvalid, "receive: lease is not positive")
	}
	return nil
}

// waiter is a Receive that found nothing. Whatever becomes ready wakes all that
// wait for its queue; one of them gets it and the others wait again.
type waiter struct{ ready chan struct{} }

func (q *queue) wake() {
	for w := range q.waiting {
		select {
		case w.ready <- struct{}{}:
		default:
		}
	}
}

func (b broker) unwatch(qs []runtime.QueueShare, w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, share := range qs {
		delete(b.queue(share.Queue).waiting, w)
	}
}

// claimed is a hand-out that has yet to be decoded.
type claimed struct {
	runtime.Delivery
	raw []byte
}

// claim leases what is there; when that is nothing, w is told of what comes.
func (b broker) claim(ctx context.Context, r *runtime.Receive, w *waiter) ([]claimed, error) {
	if err := b.enter(ctx); err != nil {
		return nil, err
	}
	defer b.exit()
	var out []claimed
	byWeight := weighted(r.Queues)
	for len(out) < r.Max {
		t := b.next(r.Queues, byWeight)
		if t == nil {
			break
		}
		out = append(out, b.handOut(t, r))
	}
	if len(out) == 0 && r.Wait > 0 {
		for _, share := range r.Queues {
			b.queue(share.Queue).waiting[w] = true
		}
	}
	return out, nil
}

// handOut puts t into the consumer's hands under a fence that no other hand-out
// has.
func (s *store) handOut(t *task, r *runtime.Receive) claimed {
	s.fence++
	t.fence = s.fence
	t.leaseUntil = s.now.Add(t.share(r.Lease))
	t.holder = s.holderOf(r.Consumer)
	overdue := t.overdue(s.now)
	t.acked, t.started, t.inTime = false, false, !overdue
	t.State, t.Worker, t.StartedAt = runtime.StateRunning, r.Consumer.Worker, s.now
	t.Deliveries++
	s.move(t, runtime.PlaceLeased)
	return claimed{raw: t.raw, Delivery: runtime.Delivery{
		Lease:      runtime.Lease{TaskID: t.ID, Queue: t.Queue, Fence: t.fence, Until: t.leaseUntil},
		Deliveries: t.Deliveries,
		Losses:     t.Losses,
		Booked:     s.admitted(t),
		Expired:    overdue,
	}}
}

func (s *store) holderOf(c runtime.Consumer) *holder {
	h := s.holders[c]
	if h == nil {
		h = &holder{consumer: c}
		s.holders[c] = h
	}
	return h
}

// deliver decodes outside of the store, so that others need not wait for it.
func deliver(cs []claimed) []runtime.Delivery {
	if len(cs) == 0 {
		return nil
	}
	out := make([]runtime.Delivery, len(cs))
	for i := range cs {
		out[i] = cs[i].Delivery
		if out[i].Envelope, out[i].Err = decode(cs[i].raw); out[i].Err != nil {
			out[i].Raw = bytes.Clone(cs[i].raw)
		}
	}
	return out
}
