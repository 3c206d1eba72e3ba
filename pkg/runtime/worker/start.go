package worker

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// start is the last moment to keep a job from running. From here on a drain
// must assume that its handler has begun.
func (s *shift) start(j *job) bool {
	j.started = time.Now()
	j.begun.Store(true) // before decided is read: one of the two sides sees the other
	if j.decided.Load() {
		return false
	}
	if e, stopped := j.stopped(); stopped {
		if j.decide() {
			s.settle(j, e)
		}
		return false
	}
	s.signal(runtime.Signal{Name: runtime.SignalReceived, Envelope: j.Envelope})
	return true
}

// stopped tells what becomes of a job that was stopped before its handler began.
func (j *job) stopped() (ending, bool) {
	if r := j.revocation.Load(); r != nil {
		return calledOff(r), true
	}
	return ending{outcome: runtime.Released}, j.ctx.Err() != nil
}
