package worker

import "github.com/stem-jobs/stem/pkg/runtime"

// signalOf names the event of each outcome; the others have none.
var signalOf = map[runtime.Outcome]runtime.SignalName{
	runtime.Succeeded: runtime.SignalSucceeded,
	runtime.Retried:   runtime.SignalRetry,
	runtime.Dead:      runtime.SignalFailed,
	runtime.Cancelled: runtime.SignalRevoked,
	runtime.Parked:    runtime.SignalDeferred,
}

// tell lets listeners know of an outcome, after the store has it.
func (s *shift) tell(x *settling) {
	if s.o.Signals == nil {
		return
	}
	e := runtime.Signal{
		Envelope: x.job.Envelope, State: x.ending.outcome.State(),
		Err: x.ending.err, Reason: x.ending.reason, RetryAt: x.ending.at,
	}
	if x.ending.record != nil {
		e.Result = x.ending.record.Payload
	}
	if name, ok := signalOf[x.ending.outcome]; ok {
		e.Name = name
		s.signal(e)
	}
	if !x.job.started.IsZero() {
		e.Name = runtime.SignalPostrun
		s.signal(e)
	}
}
