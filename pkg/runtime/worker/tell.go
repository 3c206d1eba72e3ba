package worker

import "github.com/stem-jobs/stem/pkg/runtime"

// signalOf names the event of each outcome.
func signalOf(e *ending) runtime.SignalName {
	switch e.outcome {
	case runtime.Succeeded:
		return runtime.SignalSucceeded
	case runtime.Retried:
		return runtime.SignalRetry
	case runtime.Dead:
		return runtime.SignalFailed
	case runtime.Cancelled:
		return runtime.SignalRevoked
	case runtime.Parked:
		return runtime.SignalDeferred
	case runtime.Released:
		if e.err != nil { // it could not be run now; a stop or a pause is not about the task
			return runtime.SignalDeferred
		}
	}
	return ""
}

// tell lets listeners and the log know of an outcome, after the store has it.
func (s *shift) tell(x *settling) {
	s.logEnding(x)
	if s.o.Signals == nil {
		return
	}
	e := runtime.Signal{
		Name: signalOf(&x.ending), Envelope: x.job.Envelope, State: x.ending.outcome.State(),
		Err: x.ending.err, Reason: x.ending.reason, RetryAt: x.ending.at,
	}
	if x.ending.record != nil {
		e.Result = x.ending.record.Payload
	}
	s.signal(e)
	if x.job.begun.Load() {
		e.Name = runtime.SignalPostrun
		s.signal(e)
	}
}

// logEnding logs what somebody may have to look into; success is silent.
func (s *shift) logEnding(x *settling) {
	e := &x.ending
	if e.outcome == runtime.Succeeded || e.outcome == runtime.Released {
		return
	}
	about := []any{"task", x.job.Lease.TaskID, "name", x.job.Envelope.Name, "attempt", x.job.Envelope.Attempt}
	switch e.outcome {
	case runtime.Dead:
		s.log.Warn("task failed", append(about, "reason", e.reason, "error", oneLine(e.err.Error()))...)
	case runtime.Retried:
		s.log.Info("task will be tried again", append(about, "at", e.at, "error", oneLine(e.err.Error()))...)
	case runtime.Cancelled:
		s.log.Info("task cancelled", append(about, "reason", e.reason)...)
	case runtime.Parked:
		s.log.Warn("task parked, it is not known here", about...)
	}
}
