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

func calledOff(by *runtime.Revocation) ending {
	e := ending{outcome: runtime.Cancelled, reason: runtime.ReasonRevoked}
	if by.Reason != "" {
		e.line = by.Reason
	}
	return e
}
