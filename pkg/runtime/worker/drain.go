package worker

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// hardPatience is how long a hard stop waits for the store to take everything
// back. What it does not take comes back when the leases end.
const hardPatience = 3 * time.Second

// drain ends the shift after the reader has stopped. Each step begins when the
// one before has done all it could, or a harder mode was asked for:
//
//	warm  what waits goes back at once, what runs may finish
//	soft  what runs is cancelled, and has the grace period to return
//	hard  what still runs goes back; its handlers are abandoned, and the fence
//	      keeps whatever they do from counting
//
// No step charges an attempt for the interruption.
func (s *shift) drain() {
	s.ask(runtime.DrainWarm) // also when it was the reader that gave up
	mode := s.draining()
	s.log.Info("worker stopping", "mode", mode, "running", s.slots.running())
	s.signal(runtime.Signal{Name: runtime.SignalWorkerStopping, Reason: mode.String()})
	s.nudge(loopBeats)
	s.slots.close()
	s.giveBack(func(*job) bool { return true })

	if !waitFor(s.slots.idle, s.asked[runtime.DrainSoft], never) {
		s.slots.each(func(j *job) { j.cancel(runtime.CauseShutdown) })
		if !waitFor(s.slots.idle, s.asked[runtime.DrainHard], time.After(s.o.SoftGrace)) {
			s.abandon()
		}
	}
	s.awaitStore()
}

// never is a deadline that does not come.
var never <-chan time.Time

// waitFor waits for done and reports whether it came before escalation and
// deadline.
func waitFor(done, escalation <-chan struct{}, deadline <-chan time.Time) bool {
	select {
	case <-done:
		return true
	case <-escalation:
	case <-deadline:
	}
	return isClosed(done)
}

// giveBack releases the waiting jobs that f picks.
func (s *shift) giveBack(f func(*job) bool) {
	for _, j := range s.slots.withdraw(func(j *job) bool { return f(j) && j.decide() }) {
		s.settle(j, ending{outcome: runtime.Released})
	}
}

// abandon gives back what runs, without waiting for the handlers.
func (s *shift) abandon() {
	var left []*job
	s.slots.each(func(j *job) {
		if j.decide() {
			left = append(left, j)
		}
	})
	for _, j := range left {
		j.cancel(runtime.CauseShutdown)
		s.slots.detach(j)
		s.settle(j, s.abandoned(j))
	}
	if len(left) > 0 {
		s.log.Warn("handlers abandoned; their tasks go back", "tasks", len(left))
	}
}

// abandoned is what becomes of a job whose handler is not waited for.
func (s *shift) abandoned(j *job) ending {
	if !j.begun.Load() {
		return ending{outcome: runtime.Released}
	}
	return s.verdict(j, nil, runtime.CauseShutdown)
}

// awaitStore waits until every outcome is in the store, or there is no hope: the
// leases are over, so that whatever came now would be refused.
func (s *shift) awaitStore() {
	hope := time.After(max(time.Until(s.slots.lastLease()), time.Second))
	if !waitFor(s.slots.empty, s.asked[runtime.DrainHard], hope) && !isClosed(s.slots.empty) {
		waitFor(s.slots.empty, nil, time.After(hardPatience))
	}
}
