package worker

import (
	"context"
	"encoding/json"
	"errors"
)

// The trip of a delivery through this worker. A stage that returns false has
// decided what becomes of the job, and the trip ends there.
//
//	fetch (fetch.go)         Broker.Receive, as many as there is room for
//	arrive, without a slot:
//	  readable (readable.go) the envelope can be decoded
//	  known    (known.go)    there is a handler; otherwise parked
//	  revoked  (revoked.go)  nobody has called it off
//	  expired  (expired.go)  it is not too late
//	wait for a slot (slots.go)
//	perform, in a slot:
//	  admit       (admit.go)       its rates and slots, if it has any, allow it
//	  acknowledge (acknowledge.go) if it is to run at most once
//	  start       (start.go)       the last moment to call it off
//	  attempt     (execute.go)     consume middleware ─ decode ─ execute middleware ─ handler
//	  finish      (outcome.go)     what the attempt comes to
//	settle (settle.go)       Broker.Settle, in batches

// arrive looks at what needs no slot, so that what cannot run does not wait
// behind what does.
func (s *shift) arrive(j *job) bool {
	return s.readable(j) && s.known(j) && s.revoked(j) && s.expired(j)
}

// perform runs one job to its end, in a slot.
func (s *shift) perform(j *job) {
	if !s.admit(j) || !s.acknowledge(j) || !s.start(j) {
		return
	}
	result, err := s.attempt(j)
	s.finish(j, result, err)
}

// exited ends a job whose handler has ended its goroutine.
func (s *shift) exited(j *job) {
	s.finish(j, nil, errors.New("handler ended its goroutine (runtime.Goexit)"))
}

// finish settles a job whose handler has returned, unless it was decided while
// the handler ran: then the return is late, and its result has no effect.
func (s *shift) finish(j *job, result json.RawMessage, err error) {
	defer j.cancel(context.Canceled) // for what the handler has left running
	if !j.decide() {
		s.late(j)
		return
	}
	j.overran(err)
	s.settle(j, s.verdict(j, result, err))
}
