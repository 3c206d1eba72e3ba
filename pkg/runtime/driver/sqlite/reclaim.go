package sqlite

import (
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var (
	overdueOfConsumers = sqlText(`
SELECT t.seq FROM stem_tasks t LEFT JOIN stem_details d ON d.seq = t.seq
WHERE t.place = #leased AND t.consumer IN (SELECT id FROM stem_consumers WHERE lease_until <= ?1) AND d.lease_until IS NULL
ORDER BY t.seq LIMIT ?2`)
	overdueOwn = `SELECT seq FROM stem_details WHERE lease_until <= ?1 ORDER BY lease_until, seq LIMIT ?2`
)

// A clock that is set back makes leases longer by as much: a worker that dies
// then would be taken for alive until the old time has come again. A lease that
// was given in the future is a sign of it, and is counted from now.
const (
	fromTheFuture = `SELECT 1 FROM stem_consumers WHERE leased > ?1 UNION ALL SELECT 1 FROM stem_details WHERE leased > ?1 LIMIT 1`
	countFromNow  = ` SET lease_until = ?1 + lease_until - leased, leased = ?1 WHERE leased > ?1`
)

func (h *housekeeping) followClock() error {
	for _, table := range []string{"stem_consumers", "stem_details"} {
		if _, err := h.exec(`UPDATE `+table+countFromNow, h.now); err != nil {
			return err
		}
	}
	return nil
}

// reclaim takes back the leases of the dead, and those that were short of
// themselves.
func (h *housekeeping) reclaim() error {
	for _, query := range []string{overdueOfConsumers, overdueOwn} {
		err := h.each(query, h.Max-h.out.Reclaimed, func(t *task) error {
			if t.place != placeLeased {
				return nil
			}
			still, err := h.outlived(t)
			if err != nil || still {
				return err
			}
			h.out.Reclaimed++
			return h.lose(t)
		})
		if err != nil {
			return err
		}
	}
	_, err := h.exec(sqlText(`
DELETE FROM stem_consumers WHERE lease_until <= ?
  AND NOT EXISTS (SELECT 1 FROM stem_tasks t WHERE t.consumer = stem_consumers.id AND t.place = #leased)`), h.now)
	return err
}

// outlived reports whether the lease of t's consumer has been renewed beyond
// the end that was once asked for t alone; from then on it has none of its own.
func (h *housekeeping) outlived(t *task) (bool, error) {
	if t.leaseUntil == nil || t.visibility != nil {
		return false, nil
	}
	alive, err := one(h, `SELECT 1 FROM stem_consumers WHERE id = ? AND lease_until > ?`, func(row) {}, t.consumer, h.now)
	if err != nil || !alive {
		return false, err
	}
	t.leaseUntil, t.leased = nil, nil
	return true, h.save(t)
}

// lose decides about a task whose worker has fallen silent. A task that has
// never been lost is charged a loss; later only one that is known to have begun,
// so that a poisonous task does not take its neighbours with it.
func (h *housekeeping) lose(t *task) error {
	h.queue(t.queue).lost++
	if t.losses == 0 || t.flags&flagStarted != 0 {
		t.losses++
	}
	t.flags &^= flagPaid
	dead := ending{state: runtime.StateFailed, worker: t.holder}
	switch {
	case t.flags&flagRevoked != 0:
		_, err := h.endRevoked(t)
		return err
	case t.flags&flagAcked != 0:
		dead.reason, dead.err = runtime.ReasonWorkerLost, "worker "+t.holder+" was lost after it had acknowledged the task early"
		return h.end(t, dead)
	case t.losses >= int64(h.MaxLosses):
		dead.reason, dead.err = runtime.ReasonPoison, fmt.Sprintf("%d workers were lost with the task in hand", t.losses)
		h.out.Poisoned++
		return h.end(t, dead)
	}
	t.due = nil
	_, err := h.putBack(t, runtime.StateQueued)
	return err
}
