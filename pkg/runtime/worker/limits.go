package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// hardGrace is how long a handler that was cancelled at its hard limit has to
// return before the attempt is settled without it. It covers what a program has
// by default between SIGTERM and SIGKILL (5 s) and its burial: settled sooner,
// a retry with a short backoff would start beside the program that is still
// ending, and what that says last would miss in the record. Meanwhile the lease
// is renewed, so that nobody else starts it either.
const hardGrace = 10 * time.Second

// limit starts the clocks of a job's time limits and returns what stops them,
// with the handler's context, which tells when the hard limit is. A task without
// limits has no timer.
func (s *shift) limit(ctx context.Context, j *job) (limited context.Context, stop func()) {
	soft, hard := *j.terms.SoftLimit, *j.terms.HardLimit
	if soft == 0 && hard == 0 {
		return ctx, func() {}
	}
	var timers []*time.Timer
	if soft > 0 {
		passed := make(chan struct{})
		j.host.soft = passed
		timers = append(timers, time.AfterFunc(soft, func() { close(passed) }))
	}
	if hard > 0 {
		j.deadline = time.Now().Add(hard)
		ctx = dated{ctx, j.deadline}
		timers = append(timers,
			time.AfterFunc(hard, func() { j.cancel(runtime.CauseHardLimit) }),
			time.AfterFunc(hard+hardGrace, func() { s.overdue(j) }))
	}
	return ctx, func() {
		for _, t := range timers {
			t.Stop()
		}
	}
}

// dated is a context that knows its deadline but has no timer of its own: the
// worker's ends it, with the worker's cause.
type dated struct {
	context.Context
	deadline time.Time
}

func (d dated) Deadline() (time.Time, bool) { return d.deadline, true }

// overran notes a failure at the deadline as one by the hard limit: what the
// handler has called may have looked at the deadline too, and been quicker than
// the worker's timer.
func (j *job) overran(err error) {
	if err != nil && !j.deadline.IsZero() && !time.Now().Before(j.deadline) {
		j.cancel(runtime.CauseHardLimit) // no effect if there is another cause already
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
