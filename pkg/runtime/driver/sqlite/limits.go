package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// limit is a rate, a number of slots, or both, under one key.
type limit struct {
	runtime.LimitUse // the numbers that hold: the operator's, if there are any
	overridden       bool
	tat              int64 // the rate's theoretical arrival time
	booked           int64 // when a token was taken last
}

// numbers is how a limit is stored; its key is the row's.
type numbers struct {
	Rate  int           `json:"rate,omitempty"`
	Per   time.Duration `json:"per,omitempty"`
	Slots int           `json:"slots,omitempty"`
}

func (n numbers) encode() string {
	raw, _ := json.Marshal(n) // three numbers always marshal
	return string(raw)
}

func numbersOf(u runtime.LimitUse) numbers { return numbers{u.Rate, u.Per, u.Slots} }

const limitColumns = `SELECT l.key, coalesce(l.override, l.declared), l.override IS NOT NULL, l.tat, l.booked FROM stem_limits l `

// scanLimit reads a limit. Numbers that cannot be read do not hold, or everybody
// who uses the limit would be stuck.
func scanLimit(r row) limit {
	l := limit{LimitUse: runtime.LimitUse{Key: r.str(0)}, tat: r.int(3), booked: r.int(4)}
	var n numbers
	if json.Unmarshal([]byte(r.str(1)), &n) == nil {
		l.overridden = r.bool(2)
		l.Rate, l.Per, l.Slots = n.Rate, n.Per, n.Slots
	}
	return l
}

// limit returns the limit of a use with the numbers that hold for it: the
// operator's, if there are any, or its own.
func (s *step) limit(u runtime.LimitUse) (limit, error) {
	l, err := limitOf(s, u.Key)
	if !l.overridden {
		l.LimitUse = u
	}
	return l, err
}

// limitOf returns what is stored about a limit.
func limitOf(q session, key string) (limit, error) {
	l := limit{LimitUse: runtime.LimitUse{Key: key}}
	_, err := one(q, limitColumns+`WHERE l.key = ?`, func(r row) { l = scanLimit(r) }, key)
	return l, err
}

// declare notes the numbers of a task that takes something of the limit, for
// those who look.
func (s *step) declare(u runtime.LimitUse) error {
	_, err := s.exec(`
INSERT INTO stem_limits (key, declared) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET declared = excluded.declared WHERE declared <> excluded.declared`, u.Key, numbersOf(u).encode())
	return err
}

// The rate is the generic cell rate algorithm with a burst of Rate: tokens come
// every Per/Rate, and tat is when the last of those given away has come. A token
// may be taken up to Rate-1 steps ahead of that.

// follow counts from now what was booked in the future: the clock has been set
// back, and nothing would be free until the old time has come again.
func (l *limit) follow(now int64) {
	if l.booked > now {
		l.tat += now - l.booked
	}
}

func (l *limit) every() int64 { return (l.Per / time.Duration(l.Rate)).Microseconds() }

// free returns when the next token may be taken; it can be in the past.
func (l *limit) free() int64 {
	if l.Rate <= 0 || l.Per <= 0 {
		return 0
	}
	return l.tat - l.every()*int64(l.Rate-1)
}

// Set replaces the numbers of limits, or removes the replacement.
func (p limits) Set(ctx context.Context, ls []runtime.LimitUse) error {
	for _, u := range ls {
		if u.Key == "" || u.Rate < 0 || u.Slots < 0 || u.Per < 0 || u.Rate > 0 && u.Per == 0 {
			return runtime.Errorf(runtime.CodeInvalid, "limit "+u.Key+" has no key, a negative number or a rate without a period")
		}
	}
	return p.write(ctx, "set limits", func(s *step) error {
		for _, u := range ls {
			if err := s.setLimit(u); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *step) setLimit(u runtime.LimitUse) error {
	var override any
	if u.Rate > 0 || u.Slots > 0 {
		override = numbersOf(u).encode()
	}
	_, err := s.exec(`
INSERT INTO stem_limits (key, declared, override) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET override = excluded.override`, u.Key, numbers{}.encode(), override)
	if err != nil {
		return err
	}
	return s.serve(u.Key) // there may be more slots than before
}

// View returns the limits in use or overridden.
func (p limits) View(ctx context.Context, prefix string) ([]runtime.LimitView, error) {
	var out, views []runtime.LimitView
	var used []bool
	now := p.clock.Now().UnixMicro()
	err := p.read(ctx, "read limits", func(q session) error {
		err := q.query(limitColumns+`WHERE substr(l.key, 1, length(?1)) = ?1 ORDER BY l.key`, func(r row) error {
			l := scanLimit(r)
			l.follow(now)
			v := runtime.LimitView{Limit: l.LimitUse, Overridden: l.overridden}
			if free := l.free(); free > now {
				v.NextFree = fromMicros(free)
			}
			views = append(views, v)
			used = append(used, l.overridden || l.tat > now)
			return nil
		}, prefix)
		if err != nil {
			return err
		}
		for i := range views {
			v := &views[i]
			if err := fillLimit(q, v); err != nil {
				return err
			}
			if used[i] || len(v.Holders) > 0 || v.Waiting > 0 {
				out = append(out, *v)
			}
		}
		return nil
	})
	return out, err
}

func fillLimit(q session, v *runtime.LimitView) (err error) {
	if v.Holders, err = holders(q, v.Limit.Key); err != nil {
		return err
	}
	_, err = one(q, countWaiting, func(r row) { v.Waiting = r.int(0) }, v.Limit.Key)
	return err
}

const countWaiting = `SELECT count(*) FROM stem_details WHERE limit_key = ? AND wait_no IS NOT NULL`

// holders returns who occupies the slots of a limit, longest first.
func holders(q session, key string) ([]runtime.SlotHolder, error) {
	var out []runtime.SlotHolder
	err := q.query(sqlText(`
SELECT t.id, CASE WHEN t.place = #leased THEN c.worker END, h.since
FROM stem_slots h JOIN stem_tasks t ON t.seq = h.seq LEFT JOIN stem_consumers c ON c.id = t.consumer
WHERE h.key = ? ORDER BY h.since, t.id`), func(r row) error {
		out = append(out, runtime.SlotHolder{TaskID: r.str(0), Worker: r.str(1), Since: r.time(2)})
		return nil
	}, key)
	return out, err
}
