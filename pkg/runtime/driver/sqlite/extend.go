package sqlite

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Extend renews all that c holds by one row and tells what it does not hold any
// more.
func (b broker) Extend(ctx context.Context, c runtime.Consumer, held []runtime.Lease, lease time.Duration) (runtime.Extended, error) {
	return write(ctx, b.store, "extend leases", func(s *step) (runtime.Extended, error) { return s.extend(c, held, lease) })
}

// laterLease moves the end of a consumer's lease, now being ?3 and the new end
// ?4. It does not come nearer, unless the old one was given in what is now the
// future: the clock has been set back.
const laterLease = `lease_until = CASE WHEN leased > ?3 THEN ?4 ELSE max(lease_until, ?4) END, leased = ?3`

const renewConsumer = `UPDATE stem_consumers SET ` + laterLease + ` WHERE worker = ?1 AND incarnation = ?2`

func (s *step) extend(c runtime.Consumer, held []runtime.Lease, lease time.Duration) (runtime.Extended, error) {
	until := s.now + lease.Microseconds()
	out := runtime.Extended{Until: fromMicros(until)}
	if _, err := s.exec(renewConsumer, c.Worker, c.Incarnation, s.now, until); err != nil {
		return out, err
	}
	has, err := s.heldBy(c)
	if err != nil {
		return out, err
	}
	for _, l := range held {
		h, ok := has[handOutOf(l)]
		if !ok || h.id != l.TaskID {
			out.Lost = append(out.Lost, l)
			continue
		}
		if err := s.renew(l, h, lease); err != nil {
			return out, err
		}
		if h.flags&flagRevoked == 0 {
			continue
		}
		if err := s.orderOf(l.TaskID, &out.Revoked); err != nil {
			return out, err
		}
	}
	return out, nil
}

// held is what Extend has to know about one.
type held struct {
	id         string
	visibility int64 // 0: its lease ends with its consumer's
	until      int64 // 0: as above
	leased     int64 // when until was set
	flags      flags
}

var readHeld = sqlText(`
SELECT t.seq, t.deliveries, t.id, t.flags, d.visibility, d.lease_until, d.leased
FROM stem_tasks t JOIN stem_consumers c ON t.consumer = c.id LEFT JOIN stem_details d ON d.seq = t.seq
WHERE t.place = #leased AND c.worker = ? AND c.incarnation = ?`)

func (s *step) heldBy(c runtime.Consumer) (map[handOut]held, error) {
	out := map[handOut]held{}
	err := s.query(readHeld, func(r row) error {
		out[newHandOut(r.int(0), r.int(1))] = held{
			id: r.str(2), flags: flags(r.int(3)), visibility: r.int(4), until: r.int(5), leased: r.int(6),
		}
		return nil
	}, c.Worker, c.Incarnation)
	return out, err
}

// renew moves the end of a lease that is not its consumer's alone: that of a
// task with its own visibility timeout, or one for which the worker asks for
// longer than the renewal. It never comes nearer.
func (s *step) renew(l runtime.Lease, h held, lease time.Duration) error {
	until, asked := s.now+lease.Microseconds(), h.until
	if h.leased > s.now { // the clock has been set back
		asked = 0
	}
	if !l.Until.IsZero() && l.Until.UnixMicro() > until {
		asked = max(asked, l.Until.UnixMicro())
	}
	if h.visibility > 0 {
		asked = max(asked, s.now+min(h.visibility, lease.Microseconds()))
	}
	if asked == h.until {
		return nil
	}
	t, err := s.leased(l)
	if err != nil {
		return err
	}
	t.leaseUntil, t.leased = nil, nil
	if asked > 0 {
		t.leaseUntil, t.leased = asked, s.now
	}
	return s.save(t)
}
