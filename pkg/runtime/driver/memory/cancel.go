package memory

import (
	"context"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// order is a revocation that waits for its task to appear.
type order struct {
	runtime.Revocation
	timer int // in store.orderExpiry
}

// Cancel ends tasks that nobody runs and flags those in a worker's hands.
func (b broker) Cancel(ctx context.Context, rs []runtime.Revocation) ([]runtime.CancelResult, error) {
	if err := b.enter(ctx); err != nil {
		return nil, err
	}
	defer b.exit()
	out := make([]runtime.CancelResult, len(rs))
	for i := range rs {
		out[i] = b.revoke(rs[i])
	}
	return out, nil
}

func (s *store) revoke(r runtime.Revocation) runtime.CancelResult {
	t := s.task(r.TaskID)
	if t == nil {
		return s.revokeAbsent(r)
	}
	res := runtime.CancelResult{Was: t.State}
	switch {
	case t.State.Terminal():
	case t.Place == runtime.PlaceLeased:
		s.flag(t, r)
	default:
		s.auditTask(t, runtime.AuditCancel, r.By, r.Reason)
		s.end(t, revokedEnding(&r))
		res.Ended = true
	}
	return res
}

// revokeAbsent answers for a task that is done, and remembers the order for one
// that may still come.
func (s *store) revokeAbsent(r runtime.Revocation) runtime.CancelResult {
	if known := s.stored(r.TaskID); known != nil {
		return runtime.CancelResult{Was: known.State}
	}
	s.remember(r)
	return runtime.CancelResult{}
}

// flag orders the end of a task in a worker's hands. A second order changes
// something only when it is the harder one.
func (s *store) flag(t *task, r runtime.Revocation) {
	if t.revoked != nil && (t.revoked.Terminate || !r.Terminate) {
		return
	}
	t.revoked = &r
	s.auditTask(t, runtime.AuditCancel, r.By, r.Reason)
	s.touch(t)
}

// endRevoked ends a task that would otherwise go back, if that was ordered.
func (s *store) endRevoked(t *task) bool {
	if t.revoked == nil {
		return false
	}
	e := revokedEnding(t.revoked)
	e.worker = t.Worker
	s.end(t, e)
	return true
}

// revokedEnding keeps the reasons stable for filters: what the operator wrote
// becomes the error line.
func revokedEnding(r *runtime.Revocation) ending {
	e := ending{state: runtime.StateCancelled, reason: runtime.ReasonRevoked, err: r.Reason}
	if r.Reason == runtime.ReasonPurged {
		e.reason, e.err = runtime.ReasonPurged, ""
	}
	return e
}

// remember keeps an order for a task that is not known yet.
func (s *store) remember(r runtime.Revocation) {
	if r.ExpiresAt.IsZero() || passed(r.ExpiresAt, s.now) {
		return
	}
	if old := s.orders[r.TaskID]; old != nil {
		s.dropOrder(old)
	}
	o := &order{Revocation: r}
	s.orders[r.TaskID] = o
	s.orderExpiry.push(o)
}

func (s *store) dropOrder(o *order) {
	s.orderExpiry.remove(o)
	delete(s.orders, o.TaskID)
}

// obey ends a task that was cancelled before it appeared.
func (s *store) obey(t *task) {
	o := s.orders[t.ID]
	if o == nil {
		return
	}
	s.dropOrder(o)
	if !passed(o.ExpiresAt, s.now) {
		s.revoke(o.Revocation)
	}
}
