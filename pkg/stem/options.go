package stem

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// TaskOption is a setting of a task. Given to Define it holds for every call;
// given to one call it wins over the definition.
type TaskOption interface {
	CallOption
	task(*runtime.Definition) error
}

// CallOption is a setting of one call.
type CallOption interface {
	call(*runtime.Request) error
}

type taskOption func(*runtime.TaskOptions) error

func (o taskOption) task(d *runtime.Definition) error { return o(&d.Options) }
func (o taskOption) call(r *runtime.Request) error    { return o(&r.Options) }

type callOption func(*runtime.Request) error

func (o callOption) call(r *runtime.Request) error { return o(r) }

type definitionOption func(*runtime.Definition) error

func (o definitionOption) task(d *runtime.Definition) error { return o(d) }
func (o definitionOption) call(*runtime.Request) error      { return nil } // text for people: a call has none

// set makes an option that stores one value.
func set[T any](field func(*runtime.TaskOptions) **T, v T) TaskOption {
	return taskOption(func(o *runtime.TaskOptions) error {
		*field(o) = &v
		return nil
	})
}

// Queue chooses the queue. Default: "default".
func Queue(name string) TaskOption {
	return set(func(o *runtime.TaskOptions) **string { return &o.Queue }, name)
}

// Priority is 0 to 9; higher is served first. Default: 0.
func Priority(p int) TaskOption {
	return set(func(o *runtime.TaskOptions) **int { return &o.Priority }, p)
}

// Retries is the number of tries after the first. Default: 0.
func Retries(n int) TaskOption {
	return set(func(o *runtime.TaskOptions) **int { return &o.MaxRetries }, n)
}

// Retry sets the whole retry policy.
func Retry(p runtime.RetryPolicy) TaskOption {
	return set(func(o *runtime.TaskOptions) **runtime.RetryPolicy { return &o.Retry }, p)
}

// SoftLimit tells the handler, after d, that time is running out; see
// Context.SoftLimit.
func SoftLimit(d time.Duration) TaskOption {
	return set(func(o *runtime.TaskOptions) **time.Duration { return &o.SoftLimit }, d)
}

// HardLimit cancels the handler's context after d and fails the attempt.
func HardLimit(d time.Duration) TaskOption {
	return set(func(o *runtime.TaskOptions) **time.Duration { return &o.HardLimit }, d)
}

// RateLimit bounds executions per period over all workers: "10/s", "100/m".
func RateLimit(spec string) TaskOption {
	return taskOption(func(o *runtime.TaskOptions) error {
		rate, err := runtime.ParseRate(spec)
		o.Rate = &rate
		return err
	})
}

// Concurrency bounds executions at the same time over all workers.
func Concurrency(n int) TaskOption {
	return set(func(o *runtime.TaskOptions) **int { return &o.Concurrency }, n)
}

// AtMostOnce acknowledges the task before it runs: a crash loses it instead of
// running it twice.
func AtMostOnce() TaskOption {
	return set(func(o *runtime.TaskOptions) **bool { return &o.AcksLate }, false)
}

// IgnoreResult keeps the record of how it ended, without the payload.
func IgnoreResult() TaskOption {
	return set(func(o *runtime.TaskOptions) **bool { return &o.IgnoreResult }, true)
}

// KeepResult is how long the record lives after the end. Default: 24 h.
func KeepResult(d time.Duration) TaskOption {
	return set(func(o *runtime.TaskOptions) **time.Duration { return &o.KeepResult }, d)
}

// Expires cancels the task when it was not started within d.
func Expires(d time.Duration) TaskOption {
	return set(func(o *runtime.TaskOptions) **time.Duration { return &o.Expires }, d)
}

// Unique accepts only one unfinished task with the same arguments, or the same
// UniqueOptions.Key, at a time.
func Unique(u runtime.UniqueOptions) TaskOption {
	return set(func(o *runtime.TaskOptions) **runtime.UniqueOptions { return &o.Unique }, u)
}

// Encoding chooses how arguments travel: "json", "gzip", or the id of an encoder
// of your own.
func Encoding(id string) TaskOption {
	return set(func(o *runtime.TaskOptions) **string { return &o.Encoding }, id)
}

// Description is shown by `stem task types`.
func Description(text string) TaskOption {
	return definitionOption(func(d *runtime.Definition) error {
		d.Description = text
		return nil
	})
}

// ID makes the call idempotent: a second one with the same id changes nothing.
func ID(id string) CallOption {
	return callOption(func(r *runtime.Request) error { r.ID = id; return nil })
}

// Delay makes the task due after d.
func Delay(d time.Duration) CallOption {
	return callOption(func(r *runtime.Request) error { r.Delay = d; return nil })
}

// At makes the task due at a time; it wins over Delay.
func At(t time.Time) CallOption {
	return callOption(func(r *runtime.Request) error { r.At = t; return nil })
}

// Header attaches a header, which children inherit unless its name begins with
// "stem-".
func Header(key, value string) CallOption {
	return callOption(func(r *runtime.Request) error {
		if r.Headers == nil {
			r.Headers = map[string]string{}
		}
		r.Headers[key] = value
		return nil
	})
}

// Meta attaches a value that handlers find in Context.Meta.
func Meta(key string, value any) CallOption {
	return callOption(func(r *runtime.Request) error {
		if r.Meta == nil {
			r.Meta = map[string]any{}
		}
		r.Meta[key] = value
		return nil
	})
}

// Then enqueues next, in the same step, when the task succeeds.
func Then(next runtime.Request) CallOption {
	return callOption(func(r *runtime.Request) error { r.Link = append(r.Link, next); return nil })
}

// OnFailure enqueues next, in the same step, when the task fails for good. It
// does not when the store itself ends the task because its workers died
// (runtime.ReasonPoison, runtime.ReasonWorkerLost): watch the dead letters, or
// use a group, which counts every end.
func OnFailure(next runtime.Request) CallOption {
	return callOption(func(r *runtime.Request) error { r.LinkError = append(r.LinkError, next); return nil })
}
