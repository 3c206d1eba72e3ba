package sqlite

import (
	"context"

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
	if r.Wait <= 0 {
		claims, err := b.claim(ctx, &r, nil)
		return deliver(claims), err
	}
	patient, cancel := context.WithTimeout(ctx, r.Wait)
	defer cancel()
	for {
		rung := b.bells.ready.wait() // before the look, so that nothing falls in between
		claims, err := b.claim(patient, &r, rung)
		switch {
		case len(claims) > 0:
			return deliver(claims), nil
		case patient.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, err
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
	seq   int64
	flags flags
	raw   []byte
}

// claim leases what is there. It does not take the write lock when that is
// nothing, or every wake-up of an idle worker would stand in the way of others;
// then it waits with the writer, unless rung is nil, until that is closed.
func (b broker) claim(ctx context.Context, r *runtime.Receive, rung <-chan struct{}) ([]claimed, error) {
	var out []claimed
	err := b.writer.do(ctx, op{
		doing: "receive tasks",
		parks: rung,
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

var (
	readLine  = sqlText(`SELECT seq, id, deliveries, flags, envelope ` + inLine)
	leaseLine = sqlText(`
UPDATE stem_tasks SET place = #leased, state = #running, deliveries = deliveries + 1, consumer = ?, started = ?, updated = ?
WHERE seq IN (SELECT seq ` + inLine + `)`)
)

// take leases up to n tasks of a queue and returns how many there were.
func (c *claim) take(queue string, n int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	from := len(c.out)
	err := c.query(readLine, func(r row) error {
		c.out = append(c.out, c.handOut(r, queue))
		return nil
	}, queue, n)
	got := len(c.out) - from
	if err != nil || got == 0 {
		return 0, err
	}
	if err := c.renewConsumer(); err != nil {
		return 0, err
	}
	if _, err := c.exec(leaseLine, c.consumer, c.now, c.now, queue, n); err != nil {
		return 0, err
	}
	c.count(queue, placeReady, placeLeased, int64(got))
	for i := range c.out[from:] {
		if err := c.addDetails(&c.out[from+i]); err != nil {
			return 0, err
		}
	}
	return got, nil
}

func (c *claim) handOut(r row, queue string) claimed {
	deliveries := r.int(2) + 1
	h := newHandOut(r.int(0), deliveries)
	return claimed{seq: h.seq, flags: flags(r.int(3)), raw: r.bytes(4), Delivery: runtime.Delivery{
		Lease:      runtime.Lease{TaskID: r.str(1), Queue: queue, Fence: h.fence(), Until: fromMicros(c.now + c.Lease.Microseconds())},
		Deliveries: int(deliveries),
	}}
}

// addDetails does for a task with flags what the others do not need: the end of
// the lease of its own that a visibility timeout gives it, the look whether it
// has expired (what is handed out in time does so no more), whether it has to be
// admitted again.
func (c *claim) addDetails(d *claimed) (err error) {
	if d.flags&(flagAcked|flagStarted) != 0 {
		_, err = c.exec(`UPDATE stem_tasks SET flags = flags & ~? WHERE seq = ?`, flagAcked|flagStarted, d.seq)
	}
	if err != nil || d.flags&flagDetails == 0 {
		return err
	}
	var x details
	_, err = one(c, `SELECT `+detailColumns+` FROM stem_details d WHERE d.seq = ?`, func(r row) { x = scanDetails(r) }, d.seq)
	if err != nil {
		return err
	}
	d.Losses = int(x.losses)
	if d.flags&flagPaid != 0 {
		if d.Booked, err = c.hasSlots(d.seq, x.uses); err != nil {
			return err
		}
	}
	expiry, expires := x.expiry.(int64)
	visibility, short := x.visibility.(int64)
	if !expires && !short {
		return nil
	}
	if d.Expired = expires && expiry <= c.now; !d.Expired {
		x.expiry = nil
	}
	if short {
		until := c.now + min(visibility, c.Lease.Microseconds())
		d.Lease.Until, x.leaseUntil = fromMicros(until), until
		x.leased = c.now
	}
	_, err = c.exec(`UPDATE stem_details SET lease_until = ?, leased = ?, expiry = ? WHERE seq = ?`, x.leaseUntil, x.leased, x.expiry, d.seq)
	return err
}

const upsertConsumer = `
INSERT INTO stem_consumers (worker, incarnation, leased, lease_until) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (worker, incarnation) DO UPDATE SET ` + laterLease + `
RETURNING id`

// renewConsumer makes the consumer's lease last for what it is being given.
func (c *claim) renewConsumer() error {
	if c.consumer != 0 {
		return nil
	}
	_, err := one(c, upsertConsumer, func(r row) { c.consumer = r.int(0) },
		c.Consumer.Worker, c.Consumer.Incarnation, c.now, c.now+c.Lease.Microseconds())
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
