package worker

import (
	"math/rand/v2"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

// settlement puts an ending into the store's words. What cannot be encoded or
// read is left out and logged: the task must still end.
func (s *shift) settlement(j *job, e *ending) runtime.Settlement {
	out := runtime.Settlement{Lease: j.Lease, Outcome: e.outcome, At: e.at, Next: e.next, Reason: e.reason, Error: e.line}
	if e.err != nil && e.line == "" {
		out.Error = oneLine(e.err.Error())
	}
	if e.record != nil {
		body, err := e.record.Encode()
		if err != nil {
			s.log.Error("record of a task left out", "task", j.Lease.TaskID, "error", err)
		}
		out.Result = body
	}
	if e.outcome.Terminal() && j.terms.TaskOptions != nil {
		out.Keep = keep(*j.terms.KeepResult)
	}
	if e.links != "" && j.Envelope.Meta[e.links] != nil {
		out.Effects = s.links(j, e.links)
	}
	return out
}

// keep turns the option, where 0 means not at all, into the settlement's, where
// 0 means the default.
func keep(option time.Duration) time.Duration {
	if option == 0 {
		return -1
	}
	return option
}

// links are published in the step that ends the task.
func (s *shift) links(j *job, key string) *runtime.Effects {
	ps, err := client.Links(j.Envelope, key, s.o.Clock.Now())
	if err != nil {
		s.log.Error("links of a task left out", "task", j.Lease.TaskID, "error", err)
		return nil
	}
	return &runtime.Effects{Publish: ps}
}

// verdict is what a job's attempt comes to. Nothing of the handler's is called
// in here but under a recover; should something panic all the same, the task
// ends, and the worker and all its other tasks go on.
func (s *shift) verdict(j *job, result []byte, err error) (e ending) {
	defer func() {
		if p := recover(); p != nil {
			err := panicked(p)
			s.log.Error("panic while judging a task", "task", j.Lease.TaskID, "name", j.Envelope.Name, "error", err, "stack", err.stack)
			e = s.dead(j, runtime.ReasonPanic, err)
		}
	}()
	return judge(s.attemptOf(j, result, err))
}

// attemptOf gathers what is needed to judge a job's attempt.
func (s *shift) attemptOf(j *job, result []byte, err error) attempt {
	a := attempt{
		envelope: j.Envelope, terms: j.terms, worker: s.me.Worker,
		started: j.started, finished: time.Now(), now: s.o.Clock.Now(), maxResult: s.o.MaxResultBytes,
		result: result, cause: causeOf(j.ctx), revocation: j.revocation.Load(), log: j.host.tail(),
	}
	switch {
	case timedOut(a.cause):
		err = hardLimitError(*a.terms.HardLimit)
	case err != nil && a.cause == nil:
		err = mend(s.o.Middleware, j, err)
	}
	if err != nil {
		a.policy, a.random = j.policy(), rand.Float64()
		a.err = read(err, a.policy)
	}
	return a
}

// policy is the call's or the definition's, with the definition's matchers:
// functions do not travel.
func (j *job) policy() runtime.RetryPolicy {
	var p runtime.RetryPolicy
	if j.terms.Retry != nil {
		p = *j.terms.Retry
	}
	if own := j.plan.def.Options.Retry; own != nil {
		p.Match, p.DontMatch = own.Match, own.DontMatch
	}
	return p
}

// dead ends a job that failed before or after its handler.
func (s *shift) dead(j *job, reason string, err error) ending {
	return ending{outcome: runtime.Dead, reason: reason, err: err, record: s.failure(j, err), links: runtime.MetaLinkError}
}

// failure is the record of a job that failed before or after its handler.
func (s *shift) failure(j *job, err error) *runtime.Record {
	now := time.Now()
	a := attempt{envelope: j.Envelope, worker: s.me.Worker, started: now, finished: now, err: read(err, runtime.RetryPolicy{})}
	return a.failure(false)
}
