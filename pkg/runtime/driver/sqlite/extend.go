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

const renewConsumer = `
UPDATE stem_consumers SET lease_until = max(lease_until, ?) WHERE worker = ? AND incarnation = ?`

func (s *step) extend(c runtime.Consumer, held []runtime.Lease, lease time.Duration) (runtime.Extended, error) {
	until := s.now + lease.Microseconds()
	out := runtime.Extended{Until: fromMicros(until)}
	if _, err := s.exec(renewConsumer, until, c.Worker, c.Incarnation); err != nil {
		return out, err
	}
	has, err := s.heldBy(c)
	if err != nil {
		return out, err
	}
	for _, l := range held {
		h, ok := has[handOutOf(l)]
		if !ok {
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
	visibility int64 // 0: its lease ends with its consumer's
	until      int64 // 0: as above
	flags      flags
}

var readHeld = sqlText(`
SELECT t.seq, t.deliveries, t.visibility, t.lease_until, t.flags
FROM stem_tasks t JOIN stem_consumers c ON t.consumer = c.id
WHERE t.place = #leased AND c.worker = ? AND c.incarnation = ?`)

func (s *step) heldBy(c runtime.Consumer) (map[handOut]held, error) {
	out := map[handOut]held{}
	err := s.query(readHeld, func(r row) error {
		out[handOut{r.int(0), r.int(1)}] = held{visibility: r.int(2), until: r.int(3), flags: flags(r.int(4))}
		return nil
	}, c.Worker, c.Incarnation)
	return out, err
}

// renew moves the end of a lease that is not its consumer's alone: that of a
// task with its own visibility timeout, or one for which the worker asks for
// longer than the renewal. It never comes nearer.
func (s *step) renew(l runtime.Lease, h held, lease time.Duration) error {
	until := s.now + lease.Microseconds()
	asked := max(h.until, 0)
	if !l.Until.IsZero() && l.Until.UnixMicro() > until {
		asked = max(asked, l.Until.UnixMicro())
	}
	if h.visibility > 0 {
		asked = max(asked, s.now+min(h.visibility, lease.Microseconds()))
	}
	if asked == h.until {
		return nil
	}
	_, err := s.exec(`UPDATE stem_tasks SET lease_until = ? WHERE seq = ?`, asked, handOutOf(l).seq)
	return err
}
