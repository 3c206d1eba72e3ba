package memory

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// queue is the ready tasks of one queue by priority, its numbers, and who waits
// for work.
type queue struct {
	stat    runtime.QueueStat
	lines   [runtime.MaxPriority + 1]*line
	credit  int // of the weighted turn; see turn.go
	waiting map[*waiter]bool
}

type parkKey struct{ queue, name string }

// holder is a consumer that has leases.
type holder struct {
	consumer runtime.Consumer
	held     list
}

func (s *store) queue(name string) *queue {
	q := s.queues[name]
	if q == nil {
		q = &queue{waiting: map[*waiter]bool{}}
		q.stat.Queue = name
		for i := range q.lines {
			q.lines[i] = newLine()
		}
		s.queues[name] = q
	}
	return q
}

// first returns the ready task that is served next, or nil.
func (q *queue) first() *task {
	if q.stat.Ready == 0 {
		return nil
	}
	for p := runtime.MaxPriority; p >= runtime.MinPriority; p-- {
		if t := q.lines[p].first(); t != nil {
			return t
		}
	}
	return nil
}

// before counts the ready tasks that are served before t.
func (q *queue) before(t *task) int64 {
	n := q.lines[t.Priority].before(t)
	for p := t.Priority + 1; p <= runtime.MaxPriority; p++ {
		n += int64(q.lines[p].len())
	}
	return n
}

// oldestReady is when the ready task that became known first was enqueued.
func (q *queue) oldestReady() time.Time {
	var oldest *task
	for _, l := range q.lines {
		if t := l.first(); t != nil && (oldest == nil || t.seq < oldest.seq) {
			oldest = t
		}
	}
	if oldest == nil {
		return time.Time{}
	}
	return oldest.EnqueuedAt
}

// depth is what a bounded queue counts.
func (q *queue) depth() int64 {
	return q.stat.Ready + q.stat.Delayed + q.stat.Waiting + q.stat.Leased
}

// count returns the number that a place has in the queue's statistics; a task
// that is done is in none.
func (q *queue) count(p runtime.Place) *int64 {
	switch p {
	case runtime.PlaceReady:
		return &q.stat.Ready
	case runtime.PlaceDelayed:
		return &q.stat.Delayed
	case runtime.PlaceWaiting:
		return &q.stat.Waiting
	case runtime.PlaceParked:
		return &q.stat.Parked
	case runtime.PlaceLeased:
		return &q.stat.Leased
	case runtime.PlaceDead:
		return &q.stat.Dead
	}
	return new(int64)
}

// move takes t out of its place and puts it into another. Where a place needs
// to know more (when it is due, who holds it, the limit it waits for), the
// caller has set that on t before.
func (s *store) move(t *task, to runtime.Place) {
	q := s.queue(t.Queue)
	s.leave(q, t)
	t.Place = to
	s.join(q, t)
	s.touch(t)
}

func (s *store) leave(q *queue, t *task) {
	if t.Place == "" {
		return // it has just become known
	}
	*q.count(t.Place)--
	s.expiries.remove(t)
	switch t.Place {
	case runtime.PlaceReady:
		q.lines[t.Priority].remove(t)
		return
	case runtime.PlaceDelayed:
		s.due.remove(t)
	case runtime.PlaceLeased:
		s.leases.remove(t)
		s.unhold(t)
	case runtime.PlaceWaiting:
		t.in.remove(t)
	case runtime.PlaceParked:
		s.unpark(t)
	}
}

func (s *store) join(q *queue, t *task) {
	*q.count(t.Place)++
	switch t.Place {
	case runtime.PlaceReady:
		q.lines[t.Priority].add(t)
		q.wake()
	case runtime.PlaceDelayed:
		s.due.push(t)
	case runtime.PlaceWaiting:
		s.limits[t.LimitKey].waiting.push(t)
	case runtime.PlaceParked:
		s.park(t)
	case runtime.PlaceLeased:
		s.leases.push(t)
		t.holder.held.push(t)
		return
	case runtime.PlaceDead, runtime.PlaceDone:
		return
	}
	if !t.ExpiresAt.IsZero() && !t.inTime {
		s.expiries.push(t)
	}
}

func (s *store) unhold(t *task) {
	h := t.holder
	h.held.remove(t)
	if h.held.n == 0 {
		delete(s.holders, h.consumer)
	}
	t.holder = nil
}

func (s *store) park(t *task) {
	key := parkKey{t.Queue, t.Name}
	if s.parked[key] == nil {
		s.parked[key] = &list{}
	}
	s.parked[key].push(t)
}

func (s *store) unpark(t *task) {
	l := t.in
	l.remove(t)
	if l.n == 0 {
		delete(s.parked, parkKey{t.Queue, t.Name})
	}
}
