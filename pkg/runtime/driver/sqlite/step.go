package sqlite

import (
	"strconv"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// step is what one transaction does: statements, the time at which they happen,
// and what has to follow them. The ports' work is written as methods of step,
// so that it can be done in the writer's transaction and in one of the caller.
type step struct {
	session
	now    int64 // microseconds; one time for the whole step
	queues map[string]*tally
	ends   int64 // number of the last task that ended; 0: not read yet
	endsGo bool  // see keepEnds
	rings  bells
}

// bells says who has to be told after the commit.
type bells uint8

const (
	bellReady   bells = 1 << iota // a task is ready: workers
	bellRecords                   // a task has changed: who watches it
	bellBus                       // a message was sent: subscribers
	bellOthers                    // other processes have to know as well
)

func newStep(s session, clock runtime.Clock) *step {
	return &step{session: s, now: clock.Now().UnixMicro(), queues: map[string]*tally{}}
}

// tally is what a step adds to the numbers of one queue.
type tally struct {
	at                                                    [placeDone + 1]int64
	enqueued, succeeded, failed, cancelled, retried, lost int64

	base     int64 // unfinished tasks before this step; see depth
	baseRead bool
}

func (s *step) queue(name string) *tally {
	q := s.queues[name]
	if q == nil {
		q = &tally{}
		s.queues[name] = q
	}
	return q
}

// count notes that n tasks of a queue went from one place to another; from 0 is
// out of nowhere, and to 0 into it.
func (s *step) count(queue string, from, to place, n int64) {
	q := s.queue(queue)
	q.at[from] -= n
	q.at[to] += n
	s.rings |= bellRecords
	if to == placeReady {
		s.rings |= bellReady | bellOthers
	}
}

// depth returns how many unfinished tasks a queue holds, as bounded queues
// count them.
func (s *step) depth(queue string) (int64, error) {
	q := s.queue(queue)
	if !q.baseRead {
		err := s.query(`SELECT ready + delayed + waiting + leased FROM stem_queues WHERE queue = ?`, func(r row) error {
			q.base = r.int(0)
			return nil
		}, queue)
		if err != nil {
			return 0, err
		}
		q.baseRead = true
	}
	return q.base + q.at[placeReady] + q.at[placeDelayed] + q.at[placeWaiting] + q.at[placeLeased], nil
}

const lastEnd = `
SELECT max(coalesce((SELECT max(end_no) FROM stem_tasks WHERE end_no IS NOT NULL), 0),
           coalesce((SELECT CAST(value AS INTEGER) FROM stem_meta WHERE key = 'last_end'), 0))`

// nextEnd returns the number of the next task that ends. No number is ever given
// out twice, or a cursor could be ahead of an end that is still to come.
func (s *step) nextEnd() (int64, error) {
	if err := s.readEnds(); err != nil {
		return 0, err
	}
	s.ends++
	return s.ends, nil
}

func (s *step) readEnds() error {
	if s.ends > 0 {
		return nil
	}
	_, err := one(s, lastEnd, func(r row) { s.ends = r.int(0) })
	return err
}

// keepEnds is called before an ended task goes: the number of the last end must
// not go with it.
func (s *step) keepEnds() error {
	s.endsGo = true
	return s.readEnds()
}

// finish writes what was gathered. It is the last thing before the commit.
func (s *step) finish() error {
	for name, q := range s.queues {
		if *q == (tally{base: q.base, baseRead: q.baseRead}) {
			continue
		}
		if _, err := s.exec(addToQueue, name,
			q.at[placeReady], q.at[placeDelayed], q.at[placeWaiting], q.at[placeParked], q.at[placeLeased], q.at[placeDead],
			q.enqueued, q.succeeded, q.failed, q.cancelled, q.retried, q.lost); err != nil {
			return err
		}
	}
	clear(s.queues)
	if !s.endsGo {
		return nil
	}
	_, err := s.exec(`INSERT OR REPLACE INTO stem_meta (key, value) VALUES ('last_end', ?)`, strconv.FormatInt(s.ends, 10))
	return err
}

const addToQueue = `
INSERT INTO stem_queues VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (queue) DO UPDATE SET
  ready     = ready     + excluded.ready,
  delayed   = delayed   + excluded.delayed,
  waiting   = waiting   + excluded.waiting,
  parked    = parked    + excluded.parked,
  leased    = leased    + excluded.leased,
  dead      = dead      + excluded.dead,
  enqueued  = enqueued  + excluded.enqueued,
  succeeded = succeeded + excluded.succeeded,
  failed    = failed    + excluded.failed,
  cancelled = cancelled + excluded.cancelled,
  retried   = retried   + excluded.retried,
  lost      = lost      + excluded.lost`

// one runs a query of at most one row and reports whether there was one.
func one(s session, query string, scan func(row), args ...any) (found bool, err error) {
	err = s.query(query, func(r row) error {
		found = true
		scan(r)
		return nil
	}, args...)
	return found, err
}
