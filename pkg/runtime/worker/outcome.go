package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// attempt is what a try by a handler has come to, and all that is needed to
// judge it: data only, nothing that could call the handler's code.
type attempt struct {
	envelope  *runtime.Envelope
	terms     terms
	policy    runtime.RetryPolicy
	worker    string
	started   time.Time
	finished  time.Time
	now       time.Time // by the clock that due times are told in
	random    float64
	maxResult int

	result     json.RawMessage
	err        *failure // nil: it succeeded
	cause      error    // why stem cancelled the handler, if it did
	revocation *runtime.Revocation
	log        string
}

// ending is what becomes of a job.
//
//   - err is the failure, if it was one; line replaces its text in lists.
//   - record is what is stored of the attempt; nil for a task that did not run.
type ending struct {
	outcome runtime.Outcome
	at      time.Time
	next    *runtime.Envelope
	reason  string
	line    string
	err     error
	record  *runtime.Record
	links   string // the meta key of the publications that follow
}

// judge decides what an attempt comes to. It is pure.
func judge(a attempt) ending {
	if a.err == nil {
		return a.succeeded()
	}
	switch {
	case errors.Is(a.cause, runtime.CauseRevoked):
		return a.cancelled()
	case errors.Is(a.cause, runtime.CauseShutdown):
		return a.interrupted()
	}
	return a.failed()
}

func timedOut(cause error) bool { return errors.Is(cause, runtime.CauseHardLimit) }

func (a attempt) succeeded() ending {
	record := a.record()
	switch {
	case *a.terms.IgnoreResult:
	case len(a.result) > a.maxResult:
		a.err = plainly(fmt.Sprintf("result is %d bytes; the limit is %d", len(a.result), a.maxResult))
		return a.dead(runtime.ReasonTooLarge)
	case len(a.result) > 0 && !json.Valid(a.result):
		a.err = plainly("handler's result is not JSON")
		return a.dead(runtime.ReasonPermanent)
	default:
		record.Payload = a.result
	}
	return ending{outcome: runtime.Succeeded, record: record, links: runtime.MetaLink}
}

// cancelled: the handler stopped because the task was called off.
func (a attempt) cancelled() ending {
	e := calledOff(a.revocation)
	e.err, e.record = a.err, a.record()
	return e
}

// interrupted: the handler stopped because the worker stops. The task goes back
// without an attempt charged, unless it must not run twice.
func (a attempt) interrupted() ending {
	if !*a.terms.AcksLate {
		a.err = a.err.because("worker stopped during the only try")
		return a.dead(runtime.ReasonWorkerLost)
	}
	return ending{outcome: runtime.Released}
}

// failed tries again if anything allows it.
func (a attempt) failed() ending {
	retries, asked := a.terms.retries, a.err.asked
	if asked != nil && asked.Max != nil {
		retries = max(*asked.Max, 0)
	}
	switch {
	case a.err.permanent, asked == nil && !a.err.retries:
		return a.dead(a.permanent())
	case a.envelope.Attempt >= retries:
		return a.dead(a.exhausted())
	case a.revocation != nil: // left to finish, but not to be tried again
		return a.cancelled()
	}
	at := a.now.Add(a.policy.Delay(a.envelope.Attempt, a.random))
	if asked != nil && !asked.At.IsZero() {
		at = asked.At
	} else if asked != nil && asked.After > 0 {
		at = a.now.Add(asked.After)
	}
	return a.retried(at, retries)
}

// permanent is the reason why a task is dead that may not be tried again. The
// runners of pkg/runtime/handler name two of them.
func (a attempt) permanent() string {
	for _, named := range []string{runtime.ReasonDecode, runtime.ReasonTooLarge} {
		if a.err.is(named) {
			return named
		}
	}
	return runtime.ReasonPermanent
}

// exhausted is the reason why a task is dead whose last try failed.
func (a attempt) exhausted() string {
	switch {
	case timedOut(a.cause):
		return runtime.ReasonTimeout
	case a.err.stack != "":
		return runtime.ReasonPanic
	}
	return runtime.ReasonExhausted
}

func (a attempt) dead(reason string) ending {
	return ending{outcome: runtime.Dead, reason: reason, err: a.err, record: a.failure(false), links: runtime.MetaLinkError}
}

func (a attempt) retried(at time.Time, retries int) ending {
	next := a.envelope.Clone()
	next.Attempt++
	next.NotBefore = at
	if next.MaxRetries = retries; retries != a.terms.retries {
		delete(next.Meta, runtime.MetaUndefined) // the handler has said it now
	}
	e := ending{outcome: runtime.Retried, at: at, next: next, err: a.err, record: a.failure(true)}
	if err := next.SetMeta(runtime.MetaAttempts, a.history()); err != nil {
		e.err = errors.Join(a.err, err)
	}
	return e
}
