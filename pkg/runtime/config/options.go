package config

import (
	"math"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

type options = runtime.TaskOptions

// optionFields are the settings that stand under a task and, for all tasks,
// under defaults.
var optionFields = []field[options]{
	{"queue", "name", runtime.DefaultQueue, "where the task waits", to(asName("queue"), func(o *options, v string) { o.Queue = &v })},
	{"priority", "0 to 9", "0", "higher is served first within its queue", to(asInt(runtime.MinPriority, runtime.MaxPriority), func(o *options, v int) { o.Priority = &v })},

	{"retries", "number, or the keys below", "", "short for retries.max", to(asInt(0, math.MaxInt32), func(o *options, v int) { o.MaxRetries = &v })},
	{"retries.max", "number", "0", "extra tries after the first", to(asInt(0, math.MaxInt32), func(o *options, v int) { o.MaxRetries = &v })},
	{"retries.backoff", "duration", "2s", "wait before the first retry; it doubles each time", to(asPositive, func(o *options, v time.Duration) { retry(o).Backoff = v })},
	{"retries.cap", "duration", "5m", "the longest wait", to(asPositive, func(o *options, v time.Duration) { retry(o).Cap = v })},
	{"retries.constant", "true or false", "false", "wait the same time before each retry", to(asBool, func(o *options, v bool) { retry(o).Constant = v })},
	{"retries.jitter", "true or false", "true", "take up to a quarter off each wait at random", to(asBool, func(o *options, v bool) { retry(o).NoJitter = !v })},
	{"retries.for", "list of error names", "", "retry only these errors (exit-3, http-503, signal-SIGSEGV, a code or a Go type)", to(asList(asText), func(o *options, v []string) { retry(o).RetryFor = v })},
	{"retries.not_for", "list of error names", "", "never retry these errors; wins over retries.for", to(asList(asText), func(o *options, v []string) { retry(o).DontRetryFor = v })},

	{"limits.soft", "duration", "none", "the handler is told that time is short", to(asDuration, func(o *options, v time.Duration) { o.SoftLimit = &v })},
	{"limits.hard", "duration", "none", "the handler is stopped and the attempt fails", to(asDuration, func(o *options, v time.Duration) { o.HardLimit = &v })},
	{"limits.rate", "rate", "none", "executions per period, over all workers (10/s, 100/m, 3/10s; 0: none)", to(asRate, func(o *options, v runtime.Rate) { o.Rate = &v })},
	{"limits.concurrency", "number", "none", "executions at once, over all workers", to(asInt(0, math.MaxInt32), func(o *options, v int) { o.Concurrency = &v })},
	{"limits.group_rate", "rate", "none", "a rate shared by all tasks with the same group key", to(asRate, func(o *options, v runtime.Rate) { o.GroupRate = &v })},
	{"limits.group_key", "text", "", "the key of that rate, when it is fixed", to(asText, func(o *options, v string) { o.GroupRateKey = &v })},
	{"limits.group_header", "header name", runtime.HeaderTenant, "the header that holds the key, when it is not", to(asText, func(o *options, v string) { o.GroupRateHeader = &v })},
	{"limits.fail_open", "true or false", "true", "run when the limits cannot be asked", to(asBool, func(o *options, v bool) { o.LimitsFailOpen = &v })},

	{"acks_late", "true or false", "true", "false: at most once, a crash does not run the task again", to(asBool, func(o *options, v bool) { o.AcksLate = &v })},
	{"visibility_timeout", "duration", "the lease", "shortens the lease for the task", to(asDuration, func(o *options, v time.Duration) { o.VisibilityTimeout = &v })},
	{"ignore_result", "true or false", "false", "keep the record, drop the result", to(asBool, func(o *options, v bool) { o.IgnoreResult = &v })},
	{"keep_result", "duration", runtime.FormatDuration(runtime.DefaultKeep), "how long the record lives after the end", to(asDuration, func(o *options, v time.Duration) { o.KeepResult = &v })},
	{"expires", "duration", "none", "cancel what has not started by then", to(asDuration, func(o *options, v time.Duration) { o.Expires = &v })},
	{"encoding", "json or gzip", "json", "how arguments are stored", to(oneOf("json", "gzip"), func(o *options, v string) { o.Encoding = &v })},
}

// uniqueFields stand under a task alone: what makes two of them the same is a
// matter of each.
var uniqueFields = []field[options]{
	{"unique", "true, or the keys below", "false", "accept no second one with the same arguments while one is unfinished", to(asBool, setUnique)},
	{"unique.key", "text", "the arguments", "what must be unique", to(asText, func(o *options, v string) { unique(o).Key = v })},
	{"unique.for", "duration", "none", "hold the key at least this long after the end", to(asDuration, func(o *options, v time.Duration) { unique(o).For = v })},
	{"unique.replace", "true or false", "false", "the newest wins while the first still waits", to(asBool, func(o *options, v bool) { unique(o).Replace = v })},
}

// retry returns the policy of o, made on first use. A policy that a
// task shares with the defaults was copied by seed.
func retry(o *options) *runtime.RetryPolicy {
	if o.Retry == nil {
		o.Retry = &runtime.RetryPolicy{}
	}
	return o.Retry
}

func unique(o *options) *runtime.UniqueOptions {
	if o.Unique == nil {
		o.Unique = &runtime.UniqueOptions{}
	}
	return o.Unique
}

func setUnique(o *options, yes bool) {
	if !yes {
		o.Unique = nil
		return
	}
	unique(o)
}

// seed gives a task its own copy of the default retry policy: the policy is one
// option, and a task that sets one part of it must not lose the others.
func seed(defaults options) options {
	var o options
	if defaults.Retry != nil {
		policy := *defaults.Retry
		o.Retry = &policy
	}
	return o
}
