package sqlite

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Stats returns the numbers that every step keeps up to date.
func (p queues) Stats(ctx context.Context, names []string) ([]runtime.QueueStat, error) {
	out := []runtime.QueueStat{}
	err := p.read(ctx, "read queues", func(q session) error {
		all, err := queueStats(q)
		if err != nil {
			return err
		}
		if names == nil {
			for _, s := range all {
				names = append(names, s.Queue)
			}
		}
		for _, name := range names {
			s := runtime.QueueStat{Queue: name}
			for i := range all {
				if all[i].Queue == name {
					s = all[i]
				}
			}
			if s.Ready > 0 {
				if s.OldestReady, err = oldestReady(q, name); err != nil {
					return err
				}
			}
			out = append(out, s)
		}
		return nil
	})
	return out, err
}

func queueStats(q session) ([]runtime.QueueStat, error) {
	var out []runtime.QueueStat
	err := q.query(`
SELECT queue, ready, delayed, waiting, parked, leased, dead, enqueued, succeeded, failed, cancelled, retried, lost
FROM stem_queues ORDER BY queue`, func(r row) error {
		out = append(out, runtime.QueueStat{
			Queue: r.str(0), Ready: r.int(1), Delayed: r.int(2), Waiting: r.int(3), Parked: r.int(4), Leased: r.int(5), Dead: r.int(6),
			Enqueued: r.int(7), Succeeded: r.int(8), Failed: r.int(9), Cancelled: r.int(10), Retried: r.int(11), Lost: r.int(12),
		})
		return nil
	})
	return out, err
}

// The first in line of each priority is one step into the index.
var firstInLine = sqlText(`
SELECT t.enqueued FROM stem_tasks t WHERE t.seq = (
  SELECT min(seq) FROM (WITH RECURSIVE priorities(p) AS (VALUES (0) UNION ALL SELECT p + 1 FROM priorities WHERE p < 9)
    SELECT (SELECT seq FROM stem_tasks WHERE place = #ready AND queue = ?1 AND priority = p ORDER BY seq LIMIT 1) AS seq
    FROM priorities))`)

// oldestReady is when the ready task that became known first was enqueued.
func oldestReady(q session, queue string) (oldest time.Time, err error) {
	_, err = one(q, firstInLine, func(r row) { oldest = r.time(0) }, queue)
	return oldest, err
}

// List pages through unfinished tasks and dead letters, oldest first.
func (p queues) List(ctx context.Context, q runtime.TaskQuery) ([]runtime.TaskRecord, string, error) {
	after, err := parseCursor(q.Cursor, 0)
	if err != nil {
		return nil, "", err
	}
	var f filter
	f.and("t.place <> #done")
	f.and("t.seq > ?", after)
	f.tasks(&q)
	return p.records(ctx, &f, "t.seq", "ASC", q.Limit)
}

// Locate tells where a task is and behind what it waits.
func (p queues) Locate(ctx context.Context, id string) (runtime.Location, error) {
	var at runtime.Location
	now := p.clock.Now().UnixMicro()
	err := p.read(ctx, "locate task "+id, func(q session) error {
		var seq, wait int64
		found, err := one(q, `SELECT `+recordColumns+`, t.seq, d.wait_no`+taskTables+`WHERE t.id = ?`, func(r row) {
			at.Task, seq, wait = scanRecord(r), r.int(recordWidth), r.int(recordWidth+1)
		}, id)
		if err != nil {
			return err
		}
		if !found {
			return errNoTask(id)
		}
		l := locating{session: q, at: &at, now: now}
		return l.all(seq, wait)
	})
	return at, err
}

// locating fills in a Location, question by question.
type locating struct {
	session
	at  *runtime.Location
	now int64
}

var (
	countAhead = sqlText(`
SELECT count(*) FROM stem_tasks WHERE queue = ?1 AND place = #ready AND (priority > ?2 OR priority = ?2 AND seq < ?3)`)
	countWaitingBefore = sqlText(`SELECT count(*) FROM stem_details WHERE limit_key = ? AND wait_no <= ?`)
)

func (l *locating) all(seq, wait int64) error {
	t := &l.at.Task
	if t.Place == runtime.PlaceReady {
		if _, err := one(l, countAhead, func(r row) { l.at.Ahead = r.int(0) }, t.Queue, t.Priority, seq); err != nil {
			return err
		}
	}
	if t.Place == runtime.PlaceWaiting {
		if _, err := one(l, countWaitingBefore, func(r row) { l.at.Position = r.int(0) }, t.LimitKey, wait); err != nil {
			return err
		}
	}
	if t.LimitKey != "" {
		if err := l.limit(t.LimitKey); err != nil {
			return err
		}
	}
	return l.orders(t)
}

func (l *locating) limit(key string) error {
	found, err := limitOf(l, key)
	if err != nil {
		return err
	}
	l.at.Limit = found.LimitUse
	l.at.Holders, err = holders(l, key)
	return err
}

func (l *locating) orders(t *runtime.TaskRecord) error {
	_, err := one(l, `SELECT owner FROM stem_claims WHERE key = ?1 AND owner <> ?2 AND (until IS NULL OR until > ?3)`,
		func(r row) { l.at.Owner = r.str(0) }, t.UniqueKey, t.ID, l.now)
	if err != nil {
		return err
	}
	_, err = one(l, `SELECT reason, by, terminate FROM stem_orders WHERE task_id = ?`, func(r row) {
		l.at.Revoked = &runtime.Revocation{TaskID: t.ID, Reason: r.str(0), By: r.str(1), Terminate: r.bool(2)}
	}, t.ID)
	return err
}

// Envelope returns the task's envelope as it is stored now.
func (p queues) Envelope(ctx context.Context, id string) (*runtime.Envelope, error) {
	var raw []byte
	err := p.read(ctx, "read envelope of "+id, func(q session) error {
		_, err := one(q, `SELECT envelope FROM stem_tasks WHERE id = ?`, func(r row) { raw = r.bytes(0) }, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, errNoTask(id)
	}
	return decode(raw)
}

func errNoTask(id string) error {
	return runtime.Errorf(runtime.CodeNotFound, "there is no task "+id)
}
