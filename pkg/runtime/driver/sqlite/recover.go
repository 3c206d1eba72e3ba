package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Recover does one bounded step of what happens by the passing of time. When
// there is nothing to do it does not take the write lock.
func (b broker) Recover(ctx context.Context, r runtime.Recover) (runtime.Recovered, error) {
	if r.Max <= 0 {
		r.Max = 500
	}
	if r.MaxLosses <= 0 {
		r.MaxLosses = runtime.DefaultMaxLosses
	}
	var out runtime.Recovered
	err := b.writer.do(ctx, op{
		doing: "recover",
		idle: func(s *step) (bool, error) {
			h := housekeeping{step: s, Recover: r, limits: &b.limitRound}
			idle, err := h.idle()
			out = h.out
			return idle, err
		},
		run: func(s *step) error {
			h := housekeeping{step: s, Recover: r, limits: &b.limitRound}
			err := h.all()
			out = h.out
			return err
		},
	})
	if err != nil {
		// A caller that left while it waited must not read what the writer may
		// still be writing.
		return runtime.Recovered{}, err
	}
	return out, nil
}

// housekeeping is one call of Recover and what it has done.
type housekeeping struct {
	*step
	runtime.Recover
	limits *round
	out    runtime.Recovered
}

// all does everything. The order matters: a task that is taken back may have
// expired, and one that has expired is not made ready first.
func (h *housekeeping) all() error {
	for _, f := range []func() error{h.followClock, h.reclaim, h.expire, h.promote, h.passSlots, h.unpark, h.closeGroups, h.sweep} {
		if err := f(); err != nil {
			return err
		}
	}
	next, err := h.nextDue()
	h.out.NextDue = next
	return err
}

// idle reports whether there is nothing to do now, and notes when there will be.
func (h *housekeeping) idle() (bool, error) {
	setBack, err := one(h, fromTheFuture, func(row) {}, h.now)
	if err != nil || setBack {
		return false, err
	}
	next, err := h.nextDue()
	if err != nil || !next.IsZero() && next.UnixMicro() <= h.now {
		return false, err
	}
	h.out.NextDue = next
	for _, q := range h.Queues {
		names, err := h.releasable(q)
		if err != nil || len(names) > 0 {
			return false, err
		}
	}
	old, err := one(h, anythingOld, func(row) {}, h.now)
	return !old, err
}

// nextDue is when a task or group will need Recover again. Sweeping old records
// is never urgent and does not count.
func (h *housekeeping) nextDue() (time.Time, error) {
	var next time.Time
	for _, query := range agenda {
		_, err := one(h, query, func(r row) {
			if at := r.time(0); !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		})
		if err != nil {
			return next, err
		}
	}
	return next, nil
}

// agenda are the times at which something has to happen, each at the front of
// an index.
var agenda = []string{
	sqlText(`SELECT min(c.lease_until) FROM stem_consumers c WHERE EXISTS (SELECT 1
	         FROM stem_tasks t LEFT JOIN stem_details d ON d.seq = t.seq
	         WHERE t.consumer = c.id AND t.place = #leased AND d.lease_until IS NULL)`),
	`SELECT min(lease_until) FROM stem_details WHERE lease_until IS NOT NULL`,
	sqlText(`SELECT d.expiry ` + expiring + ` ORDER BY d.expiry LIMIT 1`),
	sqlText(`SELECT min(due) FROM stem_tasks WHERE place = #delayed`),
	`SELECT min(deadline) FROM stem_groups WHERE closed IS NULL AND deadline IS NOT NULL`,
	`SELECT min(t.updated) + ` + slotHold + idleSlots,
}

const expiring = `FROM stem_details d CROSS JOIN stem_tasks t ON t.seq = d.seq
  WHERE d.expiry IS NOT NULL AND t.place IN (#ready, #delayed, #waiting, #parked)`

var expired = sqlText(`SELECT t.seq ` + expiring + ` AND d.expiry <= ?1 ORDER BY d.expiry, d.seq LIMIT ?2`)

// expire ends what waited for too long, wherever it waits, unless it had been
// handed out in time.
func (h *housekeeping) expire() error {
	return h.each(expired, h.Max, func(t *task) error {
		if t.expiry == nil {
			return nil // the end of one before it has ended it as well
		}
		h.out.Expired++
		return h.end(t, ending{state: runtime.StateCancelled, reason: runtime.ReasonExpired})
	})
}

// each calls f for at most max of the tasks that a query by time finds, and
// notes when there may be more. Each is read when its turn comes: the end of one
// may have given its slot to the next.
func (h *housekeeping) each(query string, max int, f func(*task) error) error {
	var rows []int64
	err := h.query(query, func(r row) error {
		rows = append(rows, r.int(0))
		return nil
	}, h.now, max)
	h.note(len(rows) == max)
	if err != nil {
		return err
	}
	for _, seq := range rows {
		t, err := h.task(`WHERE t.seq = ?`, seq)
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		if err := f(t); err != nil {
			return err
		}
	}
	return nil
}

func (h *housekeeping) note(more bool) { h.out.More = h.out.More || more }

var promote = sqlText(`
UPDATE stem_tasks SET place = #ready, updated = ?1
WHERE seq IN (SELECT seq FROM stem_tasks WHERE place = #delayed AND due <= ?1 ORDER BY due, seq LIMIT ?2)
RETURNING queue, seq, flags`)

// promote makes ready what has become due, in one statement: a hundred thousand
// tasks may be due at once.
func (h *housekeeping) promote() error {
	var booked []int64
	err := h.query(promote, func(r row) error {
		h.count(r.str(0), placeDelayed, placeReady, 1)
		h.out.Promoted++
		if flags(r.int(2))&flagPaid != 0 {
			booked = append(booked, r.int(1))
		}
		return nil
	}, h.now, h.Max)
	h.note(h.out.Promoted == h.Max)
	for _, seq := range booked {
		if err != nil {
			return err
		}
		_, err = h.exec(`UPDATE stem_details SET limit_key = NULL WHERE seq = ?`, seq)
	}
	return err
}

const parkedOf = `(SELECT seq FROM stem_tasks WHERE place = #parked AND queue = ? AND name = ? ORDER BY seq LIMIT ?)`

var (
	unpark       = sqlText(`UPDATE stem_tasks SET place = #ready, updated = ? WHERE seq IN ` + parkedOf)
	clearReasons = sqlText(`UPDATE stem_details SET reason = NULL, error = NULL WHERE seq IN ` + parkedOf)
)

// unpark gives parked tasks back that the calling worker knows and serves.
func (h *housekeeping) unpark() error {
	for _, queue := range h.Queues {
		names, err := h.releasable(queue)
		if err != nil {
			return err
		}
		for _, name := range names {
			most := h.Max - h.out.Unparked
			if _, err := h.exec(clearReasons, queue, name, most); err != nil {
				return err
			}
			n, err := h.exec(unpark, h.now, queue, name, most)
			if err != nil {
				return err
			}
			h.count(queue, placeParked, placeReady, n)
			h.out.Unparked += int(n)
			h.note(h.out.Unparked == h.Max)
		}
	}
	return nil
}

var nextParked = sqlText(`SELECT min(name) FROM stem_tasks WHERE place = #parked AND queue = ? AND name > ?`)

// releasable returns the names parked in a queue that the worker knows. It goes
// from name to name, however many tasks each has.
func (h *housekeeping) releasable(queue string) ([]string, error) {
	var known []string
	for name := ""; ; {
		found := false
		_, err := one(h, nextParked, func(r row) { name, found = r.str(0), r[0] != nil }, queue, name)
		if err != nil || !found {
			return known, err
		}
		if slices.Contains(h.Known, name) {
			known = append(known, name)
		}
	}
}

// closeGroups ends the groups whose deadline has passed, with the members that
// have ended by now.
func (h *housekeeping) closeGroups() error {
	ids, err := h.column(`SELECT id FROM stem_groups WHERE closed IS NULL AND deadline <= ? ORDER BY deadline LIMIT ?`)
	for _, id := range ids {
		if err := h.closeGroup(id); err != nil {
			return err
		}
	}
	return err
}

// column reads at most Max ids that a condition on the time selects.
func (h *housekeeping) column(query string) ([]string, error) {
	var out []string
	err := h.query(query, func(r row) error {
		out = append(out, r.str(0))
		return nil
	}, h.now, h.Max)
	h.note(len(out) == h.Max)
	return out, err
}
