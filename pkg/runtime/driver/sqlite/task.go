package sqlite

import "github.com/stem-jobs/stem/pkg/runtime"

// task is the changeable part of a row of stem_tasks, without its envelope and
// body: what a step needs that does more than the plain settlement. It is read
// by get, changed, and written back by save.
type task struct {
	seq         int64
	id, queue   string
	name        string
	priority    int64
	place       place
	state       int64
	flags       flags
	attempt     int64
	losses      int64
	deliveries  int64
	settled     int64 // the delivery that was settled last
	settledAs   int64
	consumer    any
	leaseUntil  any
	visibility  any
	due         any
	expires     any
	expiry      any // expires, until it was handed out in time
	finished    any
	endNo       any
	keepUntil   any
	waitNo      any
	limitKey    any
	uses        string
	uniqueKey   string
	uniqueHold  int64
	group       string
	worker      any
	reason      any
	error       any
	holder      string // worker of consumer
	incarnation string
	was         place // as it is in the table
}

const taskColumns = `
SELECT t.seq, t.id, t.queue, t.name, t.priority, t.place, t.state, t.flags, t.attempt, t.losses,
       t.deliveries, t.settled, t.settled_as, t.consumer, t.lease_until, t.visibility, t.due, t.expires,
       t.finished, t.end_no, t.keep_until, t.wait_no, t.limit_key, t.uses, t.unique_key, t.unique_hold,
       t.group_id, t.worker, t.reason, t.error, c.worker, c.incarnation, t.expiry
FROM stem_tasks t LEFT JOIN stem_consumers c ON c.id = t.consumer `

func scanTask(r row) *task {
	t := &task{
		seq: r.int(0), id: r.str(1), queue: r.str(2), name: r.str(3), priority: r.int(4), place: place(r.int(5)),
		state: r.int(6), flags: flags(r.int(7)), attempt: r.int(8), losses: r.int(9),
		deliveries: r.int(10), settled: r.int(11), settledAs: r.int(12), consumer: r[13], leaseUntil: r[14], visibility: r[15],
		due: r[16], expires: r[17], finished: r[18], endNo: r[19], keepUntil: r[20], waitNo: r[21], limitKey: r[22],
		uses: r.str(23), uniqueKey: r.str(24), uniqueHold: r.int(25), group: r.str(26), worker: r[27], reason: r[28], error: r[29],
		holder: r.str(30), incarnation: r.str(31), expiry: r[32],
	}
	t.was = t.place
	return t
}

// taskOf returns the task of an id, or nil.
func (s *step) taskOf(id string) (*task, error) { return s.task(`WHERE t.id = ?`, id) }

// leased returns the task of a lease, whoever has it now, or nil.
func (s *step) leased(l runtime.Lease) (*task, error) {
	return s.task(`WHERE t.seq = ?`, handOutOf(l).seq)
}

func (s *step) task(where string, arg any) (t *task, err error) {
	_, err = one(s, taskColumns+where, func(r row) { t = scanTask(r) }, arg)
	return t, err
}

const saveTask = `
UPDATE stem_tasks SET
  name = ?, priority = ?, place = ?, state = ?, flags = ?, attempt = ?, losses = ?, settled = ?, settled_as = ?,
  consumer = ?, lease_until = ?, visibility = ?, due = ?, expires = ?, expiry = ?, finished = ?, end_no = ?, keep_until = ?, wait_no = ?,
  limit_key = ?, uses = ?, worker = ?, reason = ?, error = ?, updated = ?
WHERE seq = ?`

// save writes t back and counts its move.
func (s *step) save(t *task) error {
	if t.place != placeLeased {
		t.consumer, t.leaseUntil = nil, nil
	}
	_, err := s.exec(saveTask,
		t.name, t.priority, t.place, t.state, t.flags, t.attempt, t.losses, t.settled, t.settledAs,
		t.consumer, t.leaseUntil, t.visibility, t.due, t.expires, t.expiry, t.finished, t.endNo, t.keepUntil, t.waitNo,
		t.limitKey, text(t.uses), t.worker, t.reason, t.error, s.now, t.seq)
	if err != nil {
		return err
	}
	s.count(t.queue, t.was, t.place, 1)
	t.was = t.place
	return nil
}

// heldBy reports whether c has t under this fence. Time alone does not end a
// lease: somebody has to take it back.
func (t *task) heldBy(c runtime.Consumer, l runtime.Lease) bool {
	return t != nil && t.place == placeLeased && t.deliveries == handOutOf(l).delivery && t.holder == c.Worker && t.incarnation == c.Incarnation
}

// line puts t in the line, or to the delayed until it is due.
func (s *step) line(t *task) {
	t.place = placeReady
	if due, ok := t.due.(int64); ok && due > s.now {
		t.place = placeDelayed
	}
}
