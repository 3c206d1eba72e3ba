package worker

import (
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// hardGrace is how long a handler that was cancelled at its hard limit has to
// return, with its log and its child processes gone, before the attempt is
// settled without it.
const hardGrace = time.Second

// limit starts the clocks of a job's time limits and returns what stops them. A
// task without limits has no timer.
func (s *shift) limit(j *job) (stop func()) {
	soft, hard := *j.terms.SoftLimit, *j.terms.HardLimit
	if soft == 0 && hard == 0 {
		return func() {}
	}
	var timers []*time.Timer
	if soft > 0 {
		passed := make(chan struct{})
		j.host.soft = passed
		timers = append(timers, time.AfterFunc(soft, func() { close(passed) }))
	}
	if hard > 0 {
		timers = append(timers,
			time.AfterFunc(hard, func() { j.cancel(runtime.CauseHardLimit) }),
			time.AfterFunc(hard+hardGrace, func() { s.overdue(j) }))
	}
	return func() {
		for _, t := range timers {
			t.Stop()
		}
	}
}

// overdue settles an attempt whose handler ignores its hard limit. The slot
// stays taken until the handler returns, if it ever does.
func (s *shift) overdue(j *job) {
	if !j.decide() {
		return
	}
	s.slots.detach(j)
	s.log.Warn("handler ignores its hard limit; its slot stays taken", "task", j.Lease.TaskID, "name", j.Envelope.Name, "limit", *j.terms.HardLimit)
	s.settle(j, s.verdict(j, nil, nil))
}

// late notes that a handler returned whose task had been decided without it.
func (s *shift) late(j *job) {
	s.stats.late.Add(1)
	s.log.Info("handler returned after its task was decided", "task", j.Lease.TaskID, "name", j.Envelope.Name, "after", time.Since(j.started).Round(time.Millisecond))
}

// hardLimitError is the failure of an attempt that ran into its hard limit.
func hardLimitError(limit time.Duration) error {
	return &runtime.Error{
		Code:    runtime.CodeTimeout,
		Message: fmt.Sprintf("handler did not finish within its hard limit of %s", runtime.FormatDuration(limit)),
	}
}
