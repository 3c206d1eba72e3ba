package worker

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const maxProgressData = 64 << 10

// checkProgress refuses what the store would.
func checkProgress(percent float64, data json.RawMessage) error {
	switch {
	case !(percent >= 0 && percent <= 100): // also false for NaN
		return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("progress of %v %% is not between 0 and 100", percent))
	case len(data) > maxProgressData:
		return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("progress data is %d bytes; the limit is %d", len(data), maxProgressData))
	case len(data) > 0 && !json.Valid(data):
		return runtime.Errorf(runtime.CodeInvalid, "progress data is not JSON")
	}
	return nil
}

// progressMany stores the progress of several tasks and tells for each whether
// its lease is over.
func (s *shift) progressMany(ctx context.Context, ps []runtime.Progress) ([]bool, error) {
	if s.backend.Results == nil {
		return make([]bool, len(ps)), nil
	}
	lost, err := s.backend.Results.Progress(ctx, s.me, ps)
	if err != nil {
		return nil, err
	}
	over := make([]bool, len(ps))
	for i, p := range ps {
		for _, l := range lost {
			over[i] = over[i] || l.TaskID == p.Lease.TaskID && l.Fence == p.Lease.Fence
		}
	}
	return over, nil
}
