package worker

import "github.com/stem-jobs/stem/pkg/runtime"

// revoked ends a task that was called off before it ran. The store looks the
// order up in the claim itself, so no worker can miss it.
func (s *shift) revoked(j *job) bool {
	if j.Revoked == nil {
		return true
	}
	if j.decide() {
		s.settle(j, calledOff(j.Revoked))
	}
	return false
}

// calledOff is the end by an order: a purge has a reason of its own, any other
// text is the task's error.
func calledOff(by *runtime.Revocation) ending {
	if by.Reason == runtime.ReasonPurged {
		return ending{outcome: runtime.Cancelled, reason: runtime.ReasonPurged}
	}
	return ending{outcome: runtime.Cancelled, reason: runtime.ReasonRevoked, line: by.Reason}
}
