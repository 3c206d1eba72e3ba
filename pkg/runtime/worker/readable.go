package worker

import (
	"errors"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// newerPause is how long a task that a newer stem wrote is left to newer
// workers before this one may be handed it again.
const newerPause = 30 * time.Second

// readable ends a delivery whose envelope cannot be decoded. One that a newer
// version wrote goes back: while a fleet is upgraded there are workers that
// understand it.
func (s *shift) readable(j *job) bool {
	err := j.Err
	if err == nil {
		return true
	}
	if !j.decide() {
		return false
	}
	if errors.Is(err, runtime.ErrIncompatible) {
		s.log.Warn("task left to a newer worker", "task", j.Lease.TaskID, "error", err)
		s.settle(j, ending{outcome: runtime.Released, at: s.o.Clock.Now().Add(newerPause), err: err})
		return false
	}
	s.settle(j, s.dead(j, runtime.ReasonDecode, err))
	return false
}
