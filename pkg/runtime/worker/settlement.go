package worker

import (
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

// attemptOf gathers what is needed to judge a job's attempt.
func (s *shift) attemptOf(j *job, result []byte, err error) attempt {
	a := attempt{
		envelope: j.Envelope, terms: j.terms, matchers: j.plan.def.Options.Retry, worker: s.me.Worker,
		started: j.started, finished: time.Now(), now: s.o.Clock.Now(), maxResult: s.o.MaxResultBytes,
		result: result, err: err, cause: causeOf(j.ctx), revocation: j.revocation.Load(), log: j.host.tail(),
	}
	if err != nil && a.cause == nil {
		a.err = mend(s.o.Middleware, j, err)
	}
	return a
}

// failure is the record of a job that failed before or after its handler.
func (s *shift) failure(j *job, err error) *runtime.Record {
	now := time.Now()
	a := attempt{envelope: j.Envelope, worker: s.me.Worker, started: now, finished: now, err: err}
	return a.failure(false)
}
