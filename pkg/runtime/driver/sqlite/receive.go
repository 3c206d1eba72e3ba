package sqlite

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Receive leases ready tasks and waits for the first.
func (b broker) Receive(ctx context.Context, r runtime.Receive) ([]runtime.Delivery, error) {
	if err := checkReceive(&r); err != nil {
		return nil, err
	}
	if r.Wait > 0 {
		b.listen()
	}
	timeout := time.NewTimer(r.Wait)
	defer timeout.Stop()
	for {
		rung := b.bells.ready.wait() // before the look, so that nothing falls in between
		claims, err := b.claim(ctx, &r)
		if err != nil || len(claims) > 0 || r.Wait <= 0 {
			return deliver(claims), err
		}
		select {
		case <-rung:
		case <-timeout.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-b.closed:
			return nil, errClosed()
		}
	}
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

// claimed is a hand-out that has yet to be decoded.
type claimed struct {
	runtime.Delivery
	seq  int64
	raw  []byte
	uses string // what it was paid for, if it was
}

// claim leases what is there. It does not take the write lock when that is
// nothing, or every wake-up of an idle worker would stand in the way of others.
func (b broker) claim(ctx context.Context, r *runtime.Receive) ([]claimed, error) {
	var out []claimed
	err := b.writer.do(ctx, op{
		doing: "receive tasks",
		idle:  func(s *step) (bool, error) { return s.nothingReady(r.Queues) },
		run: func(s *step) (err error) {
			c := claim{step: s, Receive: r}
			err = c.all(&b.turns)
			out = c.out
			return err
		},
	})
	return out, err
}

var anyReady = sqlText(`SELECT 1 FROM stem_tasks WHERE queue = ? AND place = #ready LIMIT 1`)

func (s *step) nothingReady(qs []runtime.QueueShare) (bool, error) {
	for _, q := range qs {
		if found, err := one(s, anyReady, func(row) {}, q.Queue); err != nil || found {
			return false, err
		}
	}
	return true, nil
}

// claim is one Receive in progress.
type claim struct {
	*step
	*runtime.Receive
	consumer int64 // 0 until something was found
	out      []claimed
}

// all takes the portion of each queue, and what one does not use is divided
// again among the others.
func (c *claim) all(t *turns) error {
	for queues := c.Queues; len(queues) > 0 && len(c.out) < c.Max; {
		var more []runtime.QueueShare
		for i, n := range t.portions(queues, c.Max-len(c.out)) {
			n = min(n, c.Max-len(c.out))
			got, err := c.take(queues[i].Queue, n)
			if err != nil {
				return err
			}
			if got == n {
				more = append(more, queues[i])
			}
		}
		queues = more
	}
	return nil
}

// The order of the line, for both statements: what is read is what is leased.
const inLine = `FROM stem_tasks WHERE queue = ? AND place = #ready ORDER BY priority DESC, seq LIMIT ?`

// A task with a visibility timeout has an end of its lease of its own; the
// others end with their consumer's. What is handed out in time does not expire
// any more.
var (
	readLine = sqlText(`
SELECT seq, id, deliveries, losses, flags, visibility, expiry, uses, envelope ` + inLine)

	leaseLine = sqlText(`
UPDATE stem_tasks SET
  place = #leased, state = #running, deliveries = deliveries + 1,
  flags = flags & ~?, consumer = ?, started = ?, updated = ?,
  lease_until = ? + min(visibility, ?), expiry = CASE WHEN expiry <= ? THEN expiry END
WHERE seq IN (SELECT seq ` + inLine + `)`)

	leasePlainLine = sqlText(`
UPDATE stem_tasks SET
  place = #leased, state = #running, deliveries = deliveries + 1,
  consumer = ?, started = ?, updated = ?
WHERE seq IN (SELECT seq ` + inLine + `)`)
)

// take leases up to n tasks of a queue and returns how many there were.
func (c *claim) take(queue string, n int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	plain, from := true, len(c.out)
	err := c.query(readLine, func(r row) error {
		plain = plain && r.int(4) == 0 && r[5] == nil && r[6] == nil
		c.out = append(c.out, c.handOut(r, queue))
		return nil
	}, queue, n)
	got := len(c.out) - from
	if err != nil || got == 0 {
		return 0, err
	}
	if err := c.book(c.out[from:]); err != nil {
		return 0, err
	}
	if err := c.renewConsumer(); err != nil {
		return 0, err
	}
	if plain {
		_, err = c.exec(leasePlainLine, c.consumer, c.now, c.now, queue, n)
	} else {
		_, err = c.exec(leaseLine, flagAcked|flagStarted, c.consumer, c.now, c.now, c.now, c.Lease.Microseconds(), c.now, queue, n)
	}
	c.count(queue, placeReady, placeLeased, int64(got))
	return got, err
}

func (c *claim) handOut(r row, queue string) claimed {
	lease := c.Lease.Microseconds()
	if r[5] != nil {
		lease = min(lease, r.int(5))
	}
	h := handOut{r.int(0), r.int(2) + 1}
	out := claimed{seq: h.seq, raw: r.bytes(8), Delivery: runtime.Delivery{
		Lease:      runtime.Lease{TaskID: r.str(1), Queue: queue, Fence: h.fence(), Until: fromMicros(c.now + lease)},
		Deliveries: int(h.delivery),
		Losses:     int(r.int(3)),
		Expired:    r[6] != nil && r.int(6) <= c.now,
	}}
	if flags(r.int(4))&flagPaid != 0 {
		out.uses = r.str(7)
	}
	return out
}

// book finds out which tasks need not be admitted again: their rates are paid
// and they have the slots that they asked for.
func (c *claim) book(out []claimed) (err error) {
	for i := range out {
		if out[i].uses == "" {
			continue
		}
		if out[i].Booked, err = c.hasSlots(out[i].seq, out[i].uses); err != nil {
			return err
		}
	}
	return nil
}

const upsertConsumer = `
INSERT INTO stem_consumers (worker, incarnation, lease_until) VALUES (?, ?, ?)
ON CONFLICT (worker, incarnation) DO UPDATE SET lease_until = max(lease_until, excluded.lease_until)
RETURNING id`

// renewConsumer makes the consumer's lease last for what it is being given.
func (c *claim) renewConsumer() error {
	if c.consumer != 0 {
		return nil
	}
	_, err := one(c, upsertConsumer, func(r row) { c.consumer = r.int(0) },
		c.Consumer.Worker, c.Consumer.Incarnation, c.now+c.Lease.Microseconds())
	return err
}

// deliver decodes outside of the transaction, so that others need not wait.
func deliver(cs []claimed) []runtime.Delivery {
	if len(cs) == 0 {
		return nil
	}
	out := make([]runtime.Delivery, len(cs))
	for i := range cs {
		out[i] = cs[i].Delivery
		if out[i].Envelope, out[i].Err = decode(cs[i].raw); out[i].Err != nil {
			out[i].Raw = cs[i].raw
		}
	}
	return out
}
