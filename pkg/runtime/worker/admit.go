package worker

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// closedPause is how long a task goes back for whose limits cannot be asked and
// must not be passed over.
const closedPause = time.Second

// admit asks for the rates and slots of a task before it runs, and marks one
// that has lost a worker already as started, so that it is the one that pays
// when this worker dies, too. A task that is neither costs nothing here.
func (s *shift) admit(j *job) bool {
	var err error
	if j.terms, err = s.termsOf(j.plan, j.Envelope); err != nil {
		if j.decide() {
			s.settle(j, s.dead(j, runtime.ReasonDecode, err))
		}
		return false
	}
	j.terms.uses = s.overrides.add(j.terms.uses, j.Envelope.Name, *j.terms.LimitsFailOpen)
	suspect := j.Losses > 0
	if (len(j.terms.uses) == 0 || j.Booked) && !suspect {
		return true
	}
	j.asking.Store(true)
	verdict, err := s.admissions.Do(s.ops, runtime.Admission{Lease: j.Lease, Uses: j.terms.uses, Started: suspect})
	if err != nil || verdict.Run {
		j.asking.Store(false)
	}
	if err != nil {
		return s.admitBlindly(j, suspect, err)
	}
	return s.obey(j, verdict)
}

func (s *shift) admitMany(ctx context.Context, as []runtime.Admission) ([]runtime.Verdict, error) {
	return s.broker.Admit(ctx, s.me, as)
}

// admitBlindly decides when the limits cannot be asked: the task runs if its
// limits fail open, else it goes back for a moment. A suspect never runs
// unmarked.
func (s *shift) admitBlindly(j *job, suspect bool, err error) bool {
	if s.ops.Err() != nil {
		return false // the shift is over and the job given back
	}
	if !suspect && *j.terms.LimitsFailOpen {
		s.log.Warn("limits cannot be asked; the task runs all the same", "task", j.Lease.TaskID, "name", j.Envelope.Name, "error", err)
		s.stats.unlimited.Add(1)
		return true
	}
	if j.decide() {
		s.settle(j, ending{outcome: runtime.Released, at: s.o.Clock.Now().Add(closedPause), err: err})
	}
	return false
}

// obey does what the store has decided about a job's limits. Unless it may run,
// its lease is gone already and there is nothing to settle.
func (s *shift) obey(j *job, v runtime.Verdict) bool {
	if v.Run {
		return true
	}
	if !j.decide() {
		return false
	}
	s.slots.drop(j)
	if v.Lost {
		s.lost(j)
		return false
	}
	s.dueAt(v.Until)
	s.stats.deferred.Add(1)
	s.signal(runtime.Signal{Name: runtime.SignalDeferred, Envelope: j.Envelope, Reason: v.Key, RetryAt: v.Until})
	return false
}
