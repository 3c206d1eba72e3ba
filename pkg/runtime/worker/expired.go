package worker

import "github.com/stem-jobs/stem/pkg/runtime"

// expired ends a task that was not handed out in time. The store's clock says
// so, not this machine's.
func (s *shift) expired(j *job) bool {
	if !j.Expired {
		return true
	}
	if j.decide() {
		s.settle(j, ending{outcome: runtime.Cancelled, reason: runtime.ReasonExpired})
	}
	return false
}
