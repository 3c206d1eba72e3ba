package sqlite

import "github.com/stem-jobs/stem/pkg/runtime"

// task is what a step needs that does more than the plain settlement: the row
// of a task without its envelope and body. It is read, changed, and written back
// by save.
type task struct {
	seq        int64
	id, queue  string
	name       string
	priority   int64
	place      place
	state      int64
	flags      flags
	attempt    int64
	deliveries int64
	settled    int64
	consumer   any
	due        any
	endNo      any
	keepUntil  any
	worker     any
	details

	holder, incarnation string // of consumer
	was                 place  // as it is in the table
}

// details are what only some tasks have.
type details struct {
	losses     int64
	visibility any
	leaseUntil any
	leased     any // when it was given until leaseUntil
	expires    any
	expiry     any // expires, until it was handed out in time
	waitNo     any
	limitKey   any
	uses       string
	uniqueKey  string
	uniqueHold int64
	group      string
	reason     any
	error      any
}

const (
	taskColumns = `
SELECT t.seq, t.id, t.queue, t.name, t.priority, t.place, t.state, t.flags, t.attempt, t.deliveries, t.settled,
       t.consumer, t.due, t.end_no, t.keep_until, t.worker, c.worker, c.incarnation, ` + detailColumns + taskTables

	detailColumns = `d.losses, d.visibility, d.lease_until, d.leased, d.expires, d.expiry, d.wait_no, d.limit_key, d.uses,
       d.unique_key, d.unique_hold, d.group_id, d.reason, d.error`

	taskTables = `
FROM stem_tasks t LEFT JOIN stem_details d ON d.seq = t.seq LEFT JOIN stem_consumers c ON c.id = t.consumer `
)

func scanTask(r row) *task {
	return &task{
		seq: r.int(0), id: r.str(1), queue: r.str(2), name: r.str(3), priority: r.int(4), place: place(r.int(5)),
		state: r.int(6), flags: flags(r.int(7)), attempt: r.int(8), deliveries: r.int(9), settled: r.int(10),
		consumer: r[11], due: r[12], endNo: r[13], keepUntil: r[14], worker: r[15], holder: r.str(16), incarnation: r.str(17),
		details: scanDetails(r[18:]), was: place(r.int(5)),
	}
}

func scanDetails(r row) details {
	return details{
		losses: r.int(0), visibility: r[1], leaseUntil: r[2], leased: r[3], expires: r[4], expiry: r[5], waitNo: r[6], limitKey: r[7],
		uses: r.str(8), uniqueKey: r.str(9), uniqueHold: r.int(10), group: r.str(11), reason: r[12], error: r[13],
	}
}

// task returns the first task that a condition selects, or nil.
func (s *step) task(where string, arg any) (t *task, err error) {
	_, err = one(s, taskColumns+where, func(r row) { t = scanTask(r) }, arg)
	return t, err
}

// taskOf returns the task of an id, or nil.
func (s *step) taskOf(id string) (*task, error) { return s.task(`WHERE t.id = ?`, id) }

// leased returns the task of a lease, whoever has it now, or nil.
func (s *step) leased(l runtime.Lease) (*task, error) {
	t, err := s.task(`WHERE t.seq = ?`, handOutOf(l).seq)
	if t != nil && t.id != l.TaskID {
		return nil, err
	}
	return t, err
}

const (
	saveTask = `
UPDATE stem_tasks SET name = ?, priority = ?, place = ?, state = ?, flags = ?, attempt = ?, settled = ?,
  consumer = ?, due = ?, end_no = ?, keep_until = ?, worker = ?, updated = ? WHERE seq = ?`

	saveDetails = `
INSERT INTO stem_details (losses, visibility, lease_until, leased, expires, expiry, wait_no, limit_key, uses,
                          unique_key, unique_hold, group_id, reason, error, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (seq) DO UPDATE SET
  losses = excluded.losses, visibility = excluded.visibility, lease_until = excluded.lease_until, leased = excluded.leased,
  expires = excluded.expires, expiry = excluded.expiry, wait_no = excluded.wait_no, limit_key = excluded.limit_key,
  uses = excluded.uses, reason = excluded.reason, error = excluded.error`
)

// save writes t back and counts its move.
func (s *step) save(t *task) error {
	if t.place != placeLeased {
		t.consumer, t.leaseUntil, t.leased = nil, nil, nil
	}
	if t.place != placeWaiting {
		t.waitNo = nil
	}
	if t.flags&flagDetails != 0 || t.details != (details{}) {
		t.flags |= flagDetails
		if err := s.saveDetails(t); err != nil {
			return err
		}
	}
	_, err := s.exec(saveTask, t.name, t.priority, t.place, t.state, t.flags, t.attempt, t.settled,
		t.consumer, t.due, t.endNo, t.keepUntil, t.worker, s.now, t.seq)
	if err != nil {
		return err
	}
	s.count(t.queue, t.was, t.place, 1)
	t.was = t.place
	return nil
}

func (s *step) saveDetails(t *task) error {
	var hold any
	if t.uniqueHold > 0 {
		hold = t.uniqueHold
	}
	_, err := s.exec(saveDetails, t.losses, t.visibility, t.leaseUntil, t.leased, t.expires, t.expiry, t.waitNo, t.limitKey, text(t.uses),
		text(t.uniqueKey), hold, text(t.group), t.reason, t.error, t.seq)
	return err
}

// forget removes all that is known about a task.
func (s *step) forget(seq int64) error {
	if err := s.keepEnds(); err != nil {
		return err
	}
	if _, err := s.exec(`DELETE FROM stem_details WHERE seq = ?`, seq); err != nil {
		return err
	}
	_, err := s.exec(`DELETE FROM stem_tasks WHERE seq = ?`, seq)
	return err
}

// heldBy reports whether c has t under this fence. Time alone does not end a
// lease: somebody has to take it back.
func (t *task) heldBy(c runtime.Consumer, l runtime.Lease) bool {
	return t != nil && t.place == placeLeased && newHandOut(t.seq, t.deliveries) == handOutOf(l) &&
		t.holder == c.Worker && t.incarnation == c.Incarnation
}

// line puts t in the line, or to the delayed until it is due.
func (s *step) line(t *task) {
	t.place = placeReady
	if due, ok := t.due.(int64); ok && due > s.now {
		t.place = placeDelayed
	}
}

// settledAs is how the column settled tells a delivery and its outcome.
func settledAs(delivery int64, o runtime.Outcome) int64 { return delivery<<4 | int64(o) }
