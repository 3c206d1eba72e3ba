package worker

import "github.com/stem-jobs/stem/pkg/runtime"

// acknowledge tells the store, before the handler starts, that a task has begun
// that must not run twice: if this worker dies with it, it fails instead of
// going to another. The handler does not start before the store knows.
func (s *shift) acknowledge(j *job) bool {
	if *j.terms.AcksLate {
		return true
	}
	answer := make(chan runtime.SettleResult, 1)
	s.settler.add(settling{
		job:        j,
		settlement: runtime.Settlement{Lease: j.Lease, Outcome: runtime.Acknowledged},
		then:       func(r runtime.SettleResult) { answer <- r },
	})
	select {
	case r := <-answer:
		if r.Status == runtime.Settled || r.Status == runtime.Repeated {
			return true
		}
		s.unacknowledged(j, r)
	case <-s.ops.Done(): // the shift ends; the store was never told, so the task is not lost
	}
	return false
}

// unacknowledged ends a job whose acknowledgement the store did not take.
func (s *shift) unacknowledged(j *job, r runtime.SettleResult) {
	switch {
	case !j.decide():
	case r.Status == runtime.Refused: // the lease is still held
		s.settle(j, ending{outcome: runtime.Released, at: s.o.Clock.Now().Add(refusedPause), err: r.Err})
	default:
		s.slots.drop(j)
		s.lost(j)
	}
}
