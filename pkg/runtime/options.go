package runtime

import (
	"fmt"
	"time"
)

// TaskOptions are the settings of a task, on its definition or on one call.
// Every field is optional: nil leaves the next outer layer's value, so a call
// can also set a value back to the default (new(0), new(DefaultQueue)).
//
//   - Units: limits and timeouts are durations; 0 means none.
//   - Layers, inner wins: call, definition, configuration, [DefaultOptions].
type TaskOptions struct {
	Queue             *string
	Priority          *int           // 0 to 9, higher first
	MaxRetries        *int           // extra tries
	Retry             *RetryPolicy   // nil: the default backoff
	SoftLimit         *time.Duration // the handler is told
	HardLimit         *time.Duration // the handler is cancelled and the attempt fails
	VisibilityTimeout *time.Duration // shortens the lease for this task
	AcksLate          *bool          // false: at most once
	IgnoreResult      *bool          // keep the record, drop the payload
	KeepResult        *time.Duration // how long the record lives after the end
	Expires           *time.Duration // not started within this time of being due: cancelled
	Rate              *Rate          // executions of this task per period, over all workers
	Concurrency       *int           // executions of this task at once, over all workers
	GroupRate         *Rate          // a bucket shared by tasks with the same group key
	GroupRateKey      *string        // static key of the bucket
	GroupRateHeader   *string        // header that holds the key when it is not static
	LimitsFailOpen    *bool          // run when the limiter cannot be asked
	Unique            *UniqueOptions
	Encoding          *string // id of the argument encoder: "json", "gzip"
}

// UniqueOptions make a task unique: while one with the same key is unfinished,
// another is not accepted.
//
//   - Key is scoped by the task's name; empty is a digest of the logical
//     arguments, the queue and the tenant (never of trace headers or encoded
//     bytes).
//   - For holds the key at least this long after the end (throttle).
//   - Replace lets the newest win while the owner still waits (debounce).
//   - Off: not unique, whatever an outer layer says.
type UniqueOptions struct {
	Key     string
	For     time.Duration
	Replace bool
	Off     bool
}

// DefaultOptions is the outermost layer: the values of a task that sets
// nothing.
func DefaultOptions() TaskOptions {
	return TaskOptions{
		Queue:             new(DefaultQueue),
		Priority:          new(0),
		MaxRetries:        new(0),
		SoftLimit:         new(time.Duration),
		HardLimit:         new(time.Duration),
		VisibilityTimeout: new(time.Duration),
		AcksLate:          new(true),
		IgnoreResult:      new(false),
		KeepResult:        new(DefaultKeep),
		Expires:           new(time.Duration),
		Rate:              new(Rate),
		Concurrency:       new(0),
		GroupRate:         new(Rate),
		GroupRateKey:      new(""),
		GroupRateHeader:   new(HeaderTenant),
		LimitsFailOpen:    new(true),
		Encoding:          new(""),
	}
}

// DefaultKeep is how long the record of an ended task lives.
const DefaultKeep = 24 * time.Hour

// Over returns o with the gaps filled from base.
func (o TaskOptions) Over(base TaskOptions) TaskOptions {
	fill(&o.Queue, base.Queue)
	fill(&o.Priority, base.Priority)
	fill(&o.MaxRetries, base.MaxRetries)
	fill(&o.Retry, base.Retry)
	fill(&o.SoftLimit, base.SoftLimit)
	fill(&o.HardLimit, base.HardLimit)
	fill(&o.VisibilityTimeout, base.VisibilityTimeout)
	fill(&o.AcksLate, base.AcksLate)
	fill(&o.IgnoreResult, base.IgnoreResult)
	fill(&o.KeepResult, base.KeepResult)
	fill(&o.Expires, base.Expires)
	fill(&o.Rate, base.Rate)
	fill(&o.Concurrency, base.Concurrency)
	fill(&o.GroupRate, base.GroupRate)
	fill(&o.GroupRateKey, base.GroupRateKey)
	fill(&o.GroupRateHeader, base.GroupRateHeader)
	fill(&o.LimitsFailOpen, base.LimitsFailOpen)
	fill(&o.Unique, base.Unique)
	fill(&o.Encoding, base.Encoding)
	return o
}

func fill[T any](dst **T, base *T) {
	if *dst == nil {
		*dst = base
	}
}

// Value returns the option's value, or the zero value when it is not set.
func Value[T any](option *T) T {
	if option == nil {
		var zero T
		return zero
	}
	return *option
}

// Validate reports the first option that is out of range.
//
//   - Errors: ErrInvalid.
func (o TaskOptions) Validate() error {
	if o.Queue != nil {
		if err := CheckName("queue", *o.Queue); err != nil {
			return err
		}
	}
	if p := Value(o.Priority); p < MinPriority || p > MaxPriority {
		return &Error{Code: CodeInvalid, Message: fmt.Sprintf("priority %d is out of range", p), Hint: "use 0 to 9; 9 is served first"}
	}
	durations := []struct {
		name string
		d    *time.Duration
	}{
		{"soft limit", o.SoftLimit}, {"hard limit", o.HardLimit}, {"visibility timeout", o.VisibilityTimeout},
		{"keep result", o.KeepResult}, {"expires", o.Expires},
	}
	for _, x := range durations {
		if Value(x.d) < 0 {
			return Errorf(CodeInvalid, x.name+" is negative")
		}
	}
	if soft, hard := Value(o.SoftLimit), Value(o.HardLimit); hard > 0 && soft > hard {
		return &Error{Code: CodeInvalid, Message: fmt.Sprintf("soft limit %s is after the hard limit %s", soft, hard), Hint: "make the soft limit the shorter one"}
	}
	switch {
	case Value(o.MaxRetries) < 0:
		return Errorf(CodeInvalid, fmt.Sprintf("max retries %d is negative", *o.MaxRetries))
	case Value(o.Concurrency) < 0:
		return Errorf(CodeInvalid, fmt.Sprintf("concurrency %d is negative", *o.Concurrency))
	case !validRate(o.Rate) || !validRate(o.GroupRate):
		return &Error{Code: CodeInvalid, Message: "rate has a negative number or no period", Hint: `write it like "10/s"`}
	case o.Retry != nil && (o.Retry.Backoff < 0 || o.Retry.Cap < 0 || Value(o.Retry.Max) < 0):
		return Errorf(CodeInvalid, "retry policy has a negative value")
	case o.Unique != nil && o.Unique.For < 0:
		return Errorf(CodeInvalid, "unique for is negative")
	}
	return nil
}

// validRate accepts no rate (zero) and whole ones.
func validRate(r *Rate) bool {
	return r == nil || *r == Rate{} || r.N > 0 && r.Per > 0
}
