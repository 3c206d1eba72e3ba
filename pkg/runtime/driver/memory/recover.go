package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Recover does one bounded step of what happens by the passing of time.
func (b broker) Recover(ctx context.Context, r runtime.Recover) (runtime.Recovered, error) {
	if r.Max <= 0 {
		r.Max = 500
	}
	if r.MaxLosses <= 0 {
		r.MaxLosses = runtime.DefaultMaxLosses
	}
	if err := b.enter(ctx); err != nil {
		return runtime.Recovered{}, err
	}
	defer b.exit()
	h := housekeeping{store: b.store, Recover: r}
	h.reclaim()
	h.expire()
	h.promote()
	h.passSlots()
	h.release()
	h.closeGroups()
	h.sweep()
	h.out.NextDue = b.nextDue()
	return h.out, nil
}

// housekeeping is one call of Recover and what it has done. The order matters:
// a task that is taken back may have expired, and one that has expired is not
// made ready first.
type housekeeping struct {
	*store
	runtime.Recover
	out runtime.Recovered
}

func (h *housekeeping) note(more bool) { h.out.More = h.out.More || more }

// reclaim takes back the leases of the dead.
func (h *housekeeping) reclaim() {
	n, more := h.leases.take(h.now, h.Max, h.lose)
	h.out.Reclaimed = n
	h.note(more)
}

// lose decides about a task whose worker has fallen silent. A task that has
// never been lost is charged a loss; later only one that is known to have begun,
// so that a poisonous task does not take its neighbours with it.
func (h *housekeeping) lose(t *task) {
	h.queue(t.Queue).stat.Lost++
	if t.Losses == 0 || t.started {
		t.Losses++
	}
	t.paid = false
	dead := ending{state: runtime.StateFailed, worker: t.Worker}
	switch {
	case h.endRevoked(t):
	case t.acked:
		dead.reason, dead.err = runtime.ReasonWorkerLost, "worker "+t.Worker+" was lost after it had acknowledged the task early"
		h.end(t, dead)
	case t.Losses >= h.MaxLosses:
		dead.reason, dead.err = runtime.ReasonPoison, fmt.Sprintf("%d workers were lost with the task in hand", t.Losses)
		h.end(t, dead)
		h.out.Poisoned++
	default:
		t.DueAt = time.Time{}
		h.putBack(t, runtime.StateQueued)
	}
}

// expire ends what waited for too long, wherever it waits.
func (h *housekeeping) expire() {
	n, more := h.expiries.take(h.now, h.Max, func(t *task) {
		h.end(t, ending{state: runtime.StateCancelled, reason: runtime.ReasonExpired})
	})
	h.out.Expired = n
	h.note(more)
}

// promote makes ready what has become due.
func (h *housekeeping) promote() {
	n, more := h.due.take(h.now, h.Max, func(t *task) {
		t.LimitKey = ""
		h.move(t, runtime.PlaceReady)
	})
	h.out.Promoted = n
	h.note(more)
}

// release gives parked tasks back that the calling worker knows and serves.
func (h *housekeeping) release() {
	if len(h.parked) == 0 {
		return
	}
	for _, queue := range h.Queues {
		for _, name := range h.Known {
			l := h.parked[parkKey{queue, name}]
			for l != nil && l.n > 0 {
				if h.out.Unparked == h.Max {
					h.note(true)
					return
				}
				t := l.head
				t.Reason, t.Error = "", ""
				h.move(t, runtime.PlaceReady)
				h.out.Unparked++
			}
		}
	}
}

// closeGroups ends the groups whose deadline has passed, with the members that
// have ended by now.
func (h *housekeeping) closeGroups() {
	_, more := h.deadlines.take(h.now, h.Max, h.closeGroup)
	h.note(more)
}

// sweep forgets what has been kept long enough.
func (h *housekeeping) sweep() {
	n, more := h.keeps.take(h.now, h.Max, h.forget)
	h.out.Swept += n
	h.note(more)
	n, more = h.groupKeeps.take(h.now, h.Max, h.forgetGroup)
	h.out.Swept += n
	h.note(more)
	_, more = h.holds.take(h.now, h.Max, h.dropClaim)
	h.note(more)
	_, more = h.orderExpiry.take(h.now, h.Max, h.dropOrder)
	h.note(more)
	_, more = h.messageKeeps.take(h.now, h.Max, h.drop)
	h.note(more)
	_, more = h.cursorKeeps.take(h.now, h.Max, h.dropCursor)
	h.note(more)
	_, more = h.actKeeps.take(h.now, h.Max, h.dropAct)
	h.note(more)
	h.note(h.prune(h.Max) == h.Max)
	_, more = h.lockExpiry.take(h.now, h.Max, h.dropLock)
	h.note(more)
	_, more = h.rates.take(h.now, h.Max, h.restRate)
	h.note(more)
}

// nextDue is when a task or group will need Recover again. Sweeping old records
// is never urgent and does not count.
func (s *store) nextDue() time.Time {
	var next time.Time
	times := []time.Time{s.leases.next(), s.expiries.next(), s.due.next(), s.deadlines.next()}
	for _, t := range s.idleHolders() {
		times = append(times, t.UpdatedAt.Add(runtime.SlotHold))
	}
	for _, at := range times {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}
