package worker

import (
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

// terms are the conditions under which a task runs: what its call set over what
// its definition says. No option is nil, but for Retry and Unique.
type terms struct {
	*runtime.TaskOptions
	retries int
	uses    []runtime.LimitUse // nil is the common case, and costs nothing later
}

// termsOf returns the terms of a task; those of one that overrides nothing are
// its definition's, worked out once.
//
//   - Errors: ErrCorrupt: a limit that cannot be read is never silently no
//     limit.
func (s *shift) termsOf(p *plan, e *runtime.Envelope) (terms, error) {
	if len(e.Meta) == 0 && p.options.GroupRate.N == 0 {
		return terms{TaskOptions: &p.options, retries: e.MaxRetries, uses: p.uses}, nil
	}
	o, err := client.Effective(e, p.def.Options, s.o.Defaults)
	if err != nil {
		return terms{}, err
	}
	return terms{TaskOptions: &o, retries: *o.MaxRetries, uses: usesOf(e, &o)}, nil
}

// usesOf lists the limits that a task falls under.
func usesOf(e *runtime.Envelope, o *runtime.TaskOptions) []runtime.LimitUse {
	var us []runtime.LimitUse
	if rate := *o.GroupRate; rate.N > 0 {
		us = append(us, runtime.LimitUse{Key: "group:" + groupKey(e, o), Rate: rate.N, Per: rate.Per, FailOpen: *o.LimitsFailOpen})
	}
	if rate, slots := *o.Rate, *o.Concurrency; rate.N > 0 || slots > 0 {
		us = append(us, runtime.LimitUse{Key: taskLimit + e.Name, Rate: rate.N, Per: rate.Per, Slots: slots, FailOpen: *o.LimitsFailOpen})
	}
	return us
}

// groupKey is the static key, else that of the header, else one bucket for all.
func groupKey(e *runtime.Envelope, o *runtime.TaskOptions) string {
	if *o.GroupRateKey != "" {
		return *o.GroupRateKey
	}
	if key := e.Headers[*o.GroupRateHeader]; key != "" {
		return key
	}
	return "global"
}
