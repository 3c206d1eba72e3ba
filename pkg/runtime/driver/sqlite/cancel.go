package sqlite

import (
	"context"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Cancel ends tasks that nobody runs and flags those in a worker's hands.
func (b broker) Cancel(ctx context.Context, rs []runtime.Revocation) ([]runtime.CancelResult, error) {
	return write(ctx, b.store, "cancel tasks", func(s *step) ([]runtime.CancelResult, error) {
		out := make([]runtime.CancelResult, len(rs))
		for i := range rs {
			var err error
			if out[i], err = s.revoke(&rs[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

func (s *step) revoke(r *runtime.Revocation) (runtime.CancelResult, error) {
	t, err := s.taskOf(r.TaskID)
	if err != nil {
		return runtime.CancelResult{}, err
	}
	if t == nil {
		return runtime.CancelResult{}, s.remember(r)
	}
	out := runtime.CancelResult{Was: stateName(t.state)}
	switch t.place {
	case placeDone, placeDead:
		return out, nil
	case placeLeased:
		return out, s.flag(t, r)
	}
	out.Ended = true
	if err := s.audit(runtime.AuditCancel, t.id, t.queue, r.By, r.Reason); err != nil {
		return out, err
	}
	return out, s.end(t, revokedEnding(r))
}

// flag orders the end of a task in a worker's hands. A second order changes
// something only when it is the harder one.
func (s *step) flag(t *task, r *runtime.Revocation) error {
	if t.flags&flagRevoked != 0 {
		var old []runtime.Revocation
		if err := s.orderOf(t.id, &old); err != nil {
			return err
		}
		if len(old) > 0 && (old[0].Terminate || !r.Terminate) {
			return nil
		}
	}
	if err := s.order(r, nil); err != nil {
		return err
	}
	t.flags |= flagRevoked
	if err := s.save(t); err != nil {
		return err
	}
	s.rings |= bellOthers
	return s.audit(runtime.AuditCancel, t.id, t.queue, r.By, r.Reason)
}

// endRevoked ends a task that would otherwise go back, if that was ordered.
func (s *step) endRevoked(t *task) (bool, error) {
	if t.flags&flagRevoked == 0 {
		return false, nil
	}
	var order []runtime.Revocation
	if err := s.orderOf(t.id, &order); err != nil {
		return false, err
	}
	e := ending{state: runtime.StateCancelled, reason: runtime.ReasonRevoked}
	if len(order) > 0 {
		e = revokedEnding(&order[0])
	}
	e.worker = t.holder
	return true, s.end(t, e)
}

// revokedEnding keeps the reasons stable for filters: what the operator wrote
// becomes the error line.
func revokedEnding(r *runtime.Revocation) ending {
	if r.Reason == runtime.ReasonPurged {
		return ending{state: runtime.StateCancelled, reason: runtime.ReasonPurged}
	}
	return ending{state: runtime.StateCancelled, reason: runtime.ReasonRevoked, err: r.Reason}
}

// remember keeps an order for a task that is not known yet.
func (s *step) remember(r *runtime.Revocation) error {
	if r.ExpiresAt.IsZero() || r.ExpiresAt.UnixMicro() <= s.now {
		return nil
	}
	return s.order(r, micros(r.ExpiresAt))
}

// order stores a revocation until its task ends, or, when it expires, until its
// task appears.
func (s *step) order(r *runtime.Revocation, expires any) error {
	_, err := s.exec(`INSERT OR REPLACE INTO stem_orders (task_id, reason, by, terminate, expires) VALUES (?, ?, ?, ?, ?)`,
		r.TaskID, r.Reason, r.By, r.Terminate, expires)
	return err
}

// orderOf appends the order for a task, if there is one.
func (s *step) orderOf(id string, to *[]runtime.Revocation) error {
	_, err := one(s, `SELECT reason, by, terminate, expires FROM stem_orders WHERE task_id = ?`, func(r row) {
		*to = append(*to, runtime.Revocation{
			TaskID: id, Reason: r.str(0), By: r.str(1), Terminate: r.bool(2), ExpiresAt: r.time(3),
		})
	}, id)
	return err
}

func (s *step) dropOrder(id string) error {
	_, err := s.exec(`DELETE FROM stem_orders WHERE task_id = ?`, id)
	return err
}

// hasOrders reports whether any order waits for a task that is not known yet,
// so that publishing need not look for each.
func (s *step) hasOrders() (bool, error) {
	return one(s, `SELECT 1 FROM stem_orders WHERE expires IS NOT NULL LIMIT 1`, func(row) {})
}

// obey ends a task that was cancelled before it appeared.
func (s *step) obey(id string) error {
	var order []runtime.Revocation
	if err := s.orderOf(id, &order); err != nil || len(order) == 0 {
		return err
	}
	if err := s.dropOrder(id); err != nil {
		return err
	}
	if order[0].ExpiresAt.UnixMicro() <= s.now {
		return nil
	}
	_, err := s.revoke(&order[0])
	return err
}
