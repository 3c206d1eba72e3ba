package sqlite

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Admit grants the rates and slots of leased tasks, or moves the tasks to where
// they will come back from by themselves.
func (b broker) Admit(ctx context.Context, c runtime.Consumer, as []runtime.Admission) ([]runtime.Verdict, error) {
	return write(ctx, b.store, "admit tasks", func(s *step) ([]runtime.Verdict, error) {
		out := make([]runtime.Verdict, len(as))
		for i := range as {
			var err error
			if out[i], err = s.admit(c, &as[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

// admit grants all uses of a task or none. Slots come first: they are held from
// here on, also while a booked rate runs off, so that the task can run when it
// comes back without asking again.
func (s *step) admit(c runtime.Consumer, a *runtime.Admission) (runtime.Verdict, error) {
	t, err := s.leased(a.Lease)
	if err != nil {
		return runtime.Verdict{}, err
	}
	if !t.heldBy(c, a.Lease) {
		return runtime.Verdict{Lost: true}, nil
	}
	if ended, err := s.endRevoked(t); err != nil || ended { // revoked before it began: it ends here
		return runtime.Verdict{Lost: true}, err
	}
	if a.Started {
		t.flags |= flagStarted
	}
	t.uses = encodeUses(a.Uses)
	full, err := s.takeSlots(t, a.Uses)
	if err != nil {
		return runtime.Verdict{}, err
	}
	if full != "" {
		return runtime.Verdict{Key: full}, s.wait(t.aside(), full)
	}
	if t.flags&flagPaid != 0 {
		return runtime.Verdict{Run: true}, s.save(t)
	}
	return s.admitRates(t, a.Uses)
}

func (s *step) admitRates(t *task, uses []runtime.LimitUse) (runtime.Verdict, error) {
	slowest, until, err := s.book(uses)
	if err != nil {
		return runtime.Verdict{}, err
	}
	if slowest == "" {
		return runtime.Verdict{Run: true}, s.save(t)
	}
	t.flags |= flagPaid
	t.place, t.limitKey, t.due = placeDelayed, slowest, until
	return runtime.Verdict{Until: fromMicros(until)}, s.save(t.aside())
}

// aside ends the hand-out of a task that has not begun. It came to nothing, and
// so does not save the task from expiring.
func (t *task) aside() *task {
	t.state, t.expiry = int64(stateNumber(runtime.StateQueued)), t.expires
	return t
}

// book takes one token from every rate. When one of them has none left now, it
// returns the slowest and when its token, taken in advance, comes.
func (s *step) book(uses []runtime.LimitUse) (slowest string, until int64, err error) {
	until = s.now
	var done []string
	for _, u := range uses {
		l, err := s.limit(u)
		if err != nil {
			return "", 0, err
		}
		if l.Rate <= 0 || l.Per <= 0 || slices.Contains(done, u.Key) {
			continue
		}
		done = append(done, u.Key)
		l.follow(s.now)
		if free := l.free(); free > until {
			slowest, until = l.Key, free
		}
		if err := s.declare(u); err != nil {
			return "", 0, err
		}
		if _, err := s.exec(`UPDATE stem_limits SET tat = ?, booked = ? WHERE key = ?`, max(l.tat, s.now)+l.every(), s.now, l.Key); err != nil {
			return "", 0, err
		}
	}
	return slowest, until, nil
}

// takeSlots gives t all the slots it asked for, or none and the key of the
// first limit that has none to spare. Slots it has already are not asked for
// again.
func (s *step) takeSlots(t *task, uses []runtime.LimitUse) (full string, err error) {
	var wanted []runtime.LimitUse
	for _, u := range uses {
		l, err := s.limit(u)
		if err != nil {
			return "", err
		}
		if l.Slots <= 0 {
			continue
		}
		taken, mine, err := s.slots(u.Key, t.seq)
		if err != nil {
			return "", err
		}
		if !mine && taken >= int64(l.Slots) {
			return u.Key, nil
		}
		wanted = append(wanted, u)
	}
	for _, u := range wanted {
		t.flags |= flagSlots
		if err := s.declare(u); err != nil {
			return "", err
		}
		if _, err := s.exec(`INSERT OR IGNORE INTO stem_slots (key, seq, since) VALUES (?, ?, ?)`, u.Key, t.seq, s.now); err != nil {
			return "", err
		}
	}
	return "", nil
}

// slots counts who holds slots of a limit, and tells whether seq is one of them.
func (s *step) slots(key string, seq int64) (taken int64, mine bool, err error) {
	_, err = one(s, `SELECT count(*), coalesce(max(seq = ?2), 0) FROM stem_slots WHERE key = ?1`, func(r row) {
		taken, mine = r.int(0), r.bool(1)
	}, key, seq)
	return taken, mine, err
}

const nextWait = `SELECT coalesce(max(wait_no), 0) + 1 FROM stem_details WHERE limit_key = ? AND wait_no IS NOT NULL`

// wait puts t at the end of a limit's wait list.
func (s *step) wait(t *task, key string) error {
	if _, err := one(s, nextWait, func(r row) { t.waitNo = r.int(0) }, key); err != nil {
		return err
	}
	t.place, t.limitKey = placeWaiting, key
	return s.save(t)
}

// freeSlots gives back the slots of t and hands each to the next in line.
func (s *step) freeSlots(t *task) error {
	var keys []string
	err := s.query(`SELECT key FROM stem_slots WHERE seq = ? ORDER BY key`, func(r row) error {
		keys = append(keys, r.str(0))
		return nil
	}, t.seq)
	if err != nil {
		return err
	}
	if _, err := s.exec(`DELETE FROM stem_slots WHERE seq = ?`, t.seq); err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.serve(key); err != nil {
			return err
		}
	}
	return nil
}

const firstWaiting = `WHERE d.limit_key = ? AND d.wait_no IS NOT NULL ORDER BY d.wait_no LIMIT 1`

// serve gives free slots of a limit to those who wait for them, first come,
// first served. Who gets its slot keeps it while it is in the line again; who
// lacks the slot of another limit joins the wait list of that one.
func (s *step) serve(key string) error {
	for {
		t, err := s.task(firstWaiting, key)
		if err != nil || t == nil {
			return err
		}
		full, err := s.takeSlots(t, decodeUses(t.uses))
		if err != nil || full == key {
			return err
		}
		if full != "" {
			err = s.wait(t, full)
		} else {
			t.place, t.limitKey = placeReady, nil
			err = s.save(t)
		}
		if err != nil {
			return err
		}
	}
}

// idleSlots are the slots that others wait for and that tasks in the line hold.
// Nobody looks at the slots when nobody waits at all.
var (
	idleSlots = sqlText(` FROM stem_slots h CROSS JOIN stem_tasks t ON t.seq = h.seq
WHERE (SELECT 1 FROM stem_details WHERE wait_no IS NOT NULL LIMIT 1) AND t.place = #ready
  AND EXISTS (SELECT 1 FROM stem_details d WHERE d.limit_key = h.key AND d.wait_no IS NOT NULL)`)
	slotHold = strconv.FormatInt(runtime.SlotHold.Microseconds(), 10)
	heldIdly = `SELECT h.seq` + idleSlots + ` AND t.updated <= ?1 - ` + slotHold + ` ORDER BY h.seq LIMIT ?2`
)

// passSlots takes the slots from tasks that nobody takes, or a queue that is
// paused would block a limit for all others.
func (h *housekeeping) passSlots() error {
	return h.each(heldIdly, h.Max, func(t *task) error {
		if t.flags&flagSlots == 0 {
			return nil // it held several
		}
		return h.saveFreed(t)
	})
}

func encodeUses(uses []runtime.LimitUse) string {
	if len(uses) == 0 {
		return ""
	}
	raw, _ := json.Marshal(uses) // strings and numbers always marshal
	return string(raw)
}

// decodeUses returns what a task asked for when it was last admitted. What
// cannot be read is nothing: the task is not in anybody's way then, and asks
// again when it is handed out.
func decodeUses(raw string) []runtime.LimitUse {
	var uses []runtime.LimitUse
	if raw == "" || json.Unmarshal([]byte(raw), &uses) != nil {
		return nil
	}
	return uses
}

// hasSlots reports whether a task holds all the slots that it asked for, as the
// limits are now.
func (s *step) hasSlots(seq int64, raw string) (bool, error) {
	uses := decodeUses(raw)
	if len(uses) == 0 {
		return false, nil
	}
	for _, u := range uses {
		l, err := s.limit(u)
		if err != nil {
			return false, err
		}
		_, mine, err := s.slots(u.Key, seq)
		if err != nil || l.Slots > 0 && !mine {
			return false, err
		}
	}
	return true, nil
}
