package drivertest

import (
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// checkBooks counts every task and holds the sums against what the store says
// it has. It runs after each case: counters that are kept beside the tasks are
// the first thing that a forgotten step gets wrong.
func (e *env) checkBooks() {
	e.Helper()
	if e.Queues == nil {
		return
	}
	counted := map[string]*runtime.QueueStat{}
	for _, r := range e.listed(runtime.TaskQuery{Limit: 1000}) {
		if counted[r.Queue] == nil {
			counted[r.Queue] = &runtime.QueueStat{Queue: r.Queue}
		}
		if err := count(counted[r.Queue], r); err != nil {
			e.Errorf("books: %v", err)
		}
	}
	stats, err := e.Queues.Stats(e.ctx, nil)
	e.ok(err, "stats")
	seen := map[string]bool{}
	for _, s := range stats {
		seen[s.Queue] = true
		want := runtime.QueueStat{}
		if c := counted[s.Queue]; c != nil {
			want = *c
		}
		if got := present(s); got != present(want) {
			e.Errorf("books: queue %s says %+v; a count of its tasks says %+v", s.Queue, got, present(want))
		}
	}
	for q := range counted {
		if !seen[q] {
			e.Errorf("books: queue %s has tasks and is not among the stats", q)
		}
	}
	e.checkLetters(counted)
}

// checkLetters holds the dead letters against the tasks that are listed as dead.
func (e *env) checkLetters(counted map[string]*runtime.QueueStat) {
	if e.DeadLetters == nil {
		return
	}
	var dead int64
	for _, s := range counted {
		dead += s.Dead
	}
	n, err := e.DeadLetters.Count(e.ctx, runtime.DeadQuery{})
	e.ok(err, "count dead letters")
	if listed := len(e.deadLetters(runtime.DeadQuery{Limit: 1000})); n != dead || int64(listed) != dead {
		e.Errorf("books: dead letters count %d and list %d; the queues hold %d", n, listed, dead)
	}
}

// places are the counts of this moment.
type places struct{ Ready, Delayed, Waiting, Parked, Leased, Dead int64 }

func present(s runtime.QueueStat) places {
	return places{s.Ready, s.Delayed, s.Waiting, s.Parked, s.Leased, s.Dead}
}

// count adds r to s, and reports a task whose state and place do not go
// together.
func count(s *runtime.QueueStat, r runtime.TaskRecord) error {
	waits := r.State == runtime.StateQueued || r.State == runtime.StateRetried
	fits := false
	switch r.Place {
	case runtime.PlaceReady:
		s.Ready++
		fits = waits
	case runtime.PlaceDelayed:
		s.Delayed++
		fits = waits
	case runtime.PlaceWaiting:
		s.Waiting++
		fits = waits
	case runtime.PlaceParked:
		s.Parked++
		fits = waits
	case runtime.PlaceLeased:
		s.Leased++
		fits = r.State == runtime.StateRunning
	case runtime.PlaceDead:
		s.Dead++
		fits = r.State == runtime.StateFailed
	}
	if !fits {
		return fmt.Errorf("%s is %s in %s", r.ID, r.State, r.Place)
	}
	return nil
}
