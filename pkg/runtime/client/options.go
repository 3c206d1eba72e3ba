package client

import (
	"encoding/json"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Effective returns the options by which a worker runs a task: what the call
// set over the definition's over the configuration's.
//
//   - Shapes: no field but Unique and Retry is nil. MaxRetries is the number to
//     obey; a policy's own Max has been counted in.
//   - Errors: ErrCorrupt when the envelope's meta cannot be read.
func Effective(e *runtime.Envelope, def, defaults runtime.TaskOptions) (runtime.TaskOptions, error) {
	var call runtime.TaskOptions
	if len(e.Meta) > 0 {
		var err error
		if call, err = readOptions(e); err != nil {
			return call, err
		}
	}
	base := defaults.Over(outermost)
	o := call.Over(def).Over(base)
	o.MaxRetries = &e.MaxRetries
	if _, undefined := e.Meta[runtime.MetaUndefined]; undefined {
		o.MaxRetries = new(maxRetries(def, base))
	}
	return o, nil
}

// outermost is shared: nothing changes the values behind options.
var outermost = runtime.DefaultOptions()

// maxRetries is what the innermost layer says that says anything. Within a
// layer the retry policy wins, for it is the more particular.
func maxRetries(layers ...runtime.TaskOptions) int {
	for _, o := range layers {
		if o.Retry != nil && o.Retry.Max != nil {
			return *o.Retry.Max
		}
		if o.MaxRetries != nil {
			return *o.MaxRetries
		}
	}
	return 0
}

// setOptions writes into meta what the call itself has set. What comes from the
// definition is not written: the worker has it, and its word is the newer one.
func (d *draft) setOptions() error {
	call := d.r.Options
	if call != (runtime.TaskOptions{}) {
		for _, o := range carried {
			if err := o.write(d.Envelope, call); err != nil {
				return err
			}
		}
	}
	saysRetries := call.MaxRetries != nil || call.Retry != nil && call.Retry.Max != nil
	if d.def == nil && !saysRetries {
		d.setMetaRaw(runtime.MetaUndefined, isTrue)
	}
	return nil
}

var isTrue = json.RawMessage("true")

// readOptions is the inverse of setOptions.
func readOptions(e *runtime.Envelope) (runtime.TaskOptions, error) {
	var o runtime.TaskOptions
	for _, c := range carried {
		if err := c.read(e, &o); err != nil {
			return o, err
		}
	}
	if err := o.Validate(); err != nil {
		return o, &runtime.Error{Code: runtime.CodeCorrupt, Message: "decode the task's options", Err: err}
	}
	return o, nil
}

// carriedOption is an option of a call that travels in meta.
type carriedOption struct {
	write func(*runtime.Envelope, runtime.TaskOptions) error
	read  func(*runtime.Envelope, *runtime.TaskOptions) error
}

// carried lists them. Queue, priority, retries, visibility, unique, expiry and
// encoding are not here: they have places of their own.
var carried = []carriedOption{
	carry(runtime.MetaSoftLimit, func(o *runtime.TaskOptions) **time.Duration { return &o.SoftLimit }, toMillis, fromMillis),
	carry(runtime.MetaHardLimit, func(o *runtime.TaskOptions) **time.Duration { return &o.HardLimit }, toMillis, fromMillis),
	carry(runtime.MetaKeep, func(o *runtime.TaskOptions) **time.Duration { return &o.KeepResult }, toMillis, fromMillis),
	carry(runtime.MetaIgnoreResult, func(o *runtime.TaskOptions) **bool { return &o.IgnoreResult }, same[bool], same[bool]),
	carry(runtime.MetaAcksEarly, func(o *runtime.TaskOptions) **bool { return &o.AcksLate }, not, not),
	carry(runtime.MetaRetryPolicy, func(o *runtime.TaskOptions) **runtime.RetryPolicy { return &o.Retry }, same[runtime.RetryPolicy], same[runtime.RetryPolicy]),
	carry(runtime.MetaRate, func(o *runtime.TaskOptions) **runtime.Rate { return &o.Rate }, toText, fromText),
	carry(runtime.MetaConcurrency, func(o *runtime.TaskOptions) **int { return &o.Concurrency }, same[int], same[int]),
	carry(runtime.MetaGroupRate, func(o *runtime.TaskOptions) **runtime.Rate { return &o.GroupRate }, toText, fromText),
	carry(runtime.MetaGroupRateKey, func(o *runtime.TaskOptions) **string { return &o.GroupRateKey }, same[string], same[string]),
	carry(runtime.MetaGroupHeader, func(o *runtime.TaskOptions) **string { return &o.GroupRateHeader }, same[string], same[string]),
	carry(runtime.MetaFailOpen, func(o *runtime.TaskOptions) **bool { return &o.LimitsFailOpen }, same[bool], same[bool]),
}

// carry makes an option of type T travel as W under key.
func carry[T, W any](key string, field func(*runtime.TaskOptions) **T, to func(T) (W, error), from func(W) (T, error)) carriedOption {
	return carriedOption{
		write: func(e *runtime.Envelope, o runtime.TaskOptions) error {
			v := *field(&o)
			if v == nil {
				return nil
			}
			w, err := to(*v)
			if err != nil {
				return err
			}
			return e.SetMeta(key, w)
		},
		read: func(e *runtime.Envelope, o *runtime.TaskOptions) error {
			raw, ok := e.Meta[key]
			if !ok {
				return nil
			}
			var w W
			err := json.Unmarshal(raw, &w)
			if err == nil {
				var v T
				if v, err = from(w); err == nil {
					*field(o) = &v
					return nil
				}
			}
			return &runtime.Error{Code: runtime.CodeCorrupt, Message: "decode meta " + key, Err: err}
		},
	}
}

func same[T any](v T) (T, error) { return v, nil }

func not(v bool) (bool, error) { return !v, nil }

// toMillis rounds up: a limit of half a millisecond must not become none.
func toMillis(d time.Duration) (int64, error) {
	ms := d.Milliseconds()
	if d%time.Millisecond > 0 {
		ms++
	}
	return ms, nil
}

func fromMillis(ms int64) (time.Duration, error) {
	d := time.Duration(ms) * time.Millisecond
	if ms < 0 || d.Milliseconds() != ms {
		return 0, runtime.Errorf(runtime.CodeInvalid, "duration out of range")
	}
	return d, nil
}

// toText writes no rate as "".
func toText(r runtime.Rate) (string, error) {
	if r.N == 0 {
		return "", nil
	}
	return r.String(), nil
}

func fromText(s string) (runtime.Rate, error) {
	if s == "" {
		return runtime.Rate{}, nil
	}
	return runtime.ParseRate(s)
}
