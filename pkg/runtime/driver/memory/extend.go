package memory

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Extend renews all that c holds and tells what it does not hold any more.
func (b broker) Extend(ctx context.Context, c runtime.Consumer, held []runtime.Lease, lease time.Duration) (runtime.Extended, error) {
	if err := b.enter(ctx); err != nil {
		return runtime.Extended{}, err
	}
	defer b.exit()
	out := runtime.Extended{Until: b.now.Add(lease)}
	b.renewHolder(c, lease)
	for _, l := range held {
		t := b.leased(c, l)
		if t == nil {
			out.Lost = append(out.Lost, l)
			continue
		}
		if t.revoked != nil {
			out.Revoked = append(out.Revoked, *t.revoked)
		}
		b.renew(t, later(b.now.Add(t.share(lease)), l.Until))
	}
	return out, nil
}

// renewHolder renews what c holds as a whole, also what is on its way to the
// worker and not yet among what it believes to hold. A task with a visibility
// timeout of its own has to be named.
func (s *store) renewHolder(c runtime.Consumer, lease time.Duration) {
	h := s.holders[c]
	if h == nil {
		return
	}
	for t := h.held.head; t != nil; t = t.next {
		if t.visibility <= 0 {
			s.renew(t, s.now.Add(lease))
		}
	}
}

// share is what t gets of a lease: its own visibility timeout only shortens it.
func (t *task) share(lease time.Duration) time.Duration {
	if t.visibility > 0 {
		return min(lease, t.visibility)
	}
	return lease
}

// renew moves the end of a lease; it never comes nearer.
func (s *store) renew(t *task, until time.Time) {
	if until.After(t.leaseUntil) {
		t.leaseUntil = until
		s.leases.fix(t)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
