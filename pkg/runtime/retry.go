package runtime

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Defaults of a retry policy.
const (
	DefaultBackoff    = 2 * time.Second
	DefaultBackoffCap = 5 * time.Minute
)

// RetryPolicy says whether and when a failed attempt is tried again. The zero
// value is the default: exponential backoff from 2 s, capped at 5 min, with up
// to a quarter taken off at random, for every error but permanent ones.
//
//   - Units: Backoff is the delay before the first retry; it doubles each time
//     unless Constant. Zero means the default, so a policy that sets only Max
//     still waits.
//   - RetryFor and DontRetryFor name errors; see [ErrorNames]. DontRetryFor
//     wins. An empty RetryFor is every error.
//   - Match and DontMatch do the same in Go (errors.Is, errors.As); they live
//     with the handler and do not travel.
type RetryPolicy struct {
	Max          *int // nil: the task's MaxRetries
	Backoff      time.Duration
	Cap          time.Duration
	Constant     bool
	NoJitter     bool
	RetryFor     []string
	DontRetryFor []string

	Match     []func(error) bool
	DontMatch []func(error) bool
}

// Delay returns how long to wait after the given zero-based attempt failed.
// random is a number in [0, 1) that decides the jitter.
//
//   - Shapes: the result is in [3/4·d, d] with d = min(backoff·2^attempt, cap),
//     never negative and never overflowing, however large attempt is.
//   - Source: "equal jitter" of the AWS Architecture Blog, kept to a quarter.
func (p RetryPolicy) Delay(attempt int, random float64) time.Duration {
	base, limit := p.Backoff, p.Cap
	if base <= 0 {
		base = DefaultBackoff
	}
	if limit <= 0 {
		limit = max(DefaultBackoffCap, base)
	}
	d := base
	if !p.Constant {
		// Beyond 62 doublings every positive base overflows; min() keeps the
		// shift defined and the float keeps the product finite.
		grown := float64(base) * math.Pow(2, float64(min(max(attempt, 0), 62)))
		d = limit
		if grown < float64(limit) {
			d = time.Duration(grown)
		}
	}
	d = min(d, limit)
	if p.NoJitter {
		return d
	}
	return d - time.Duration(random*float64(d/4))
}

// Retries reports whether the policy tries again after err. Permanent errors
// are never retried.
func (p RetryPolicy) Retries(err error) bool {
	if IsPermanent(err) || matchAny(p.DontMatch, err) {
		return false
	}
	names := ErrorNames(err)
	if overlaps(p.DontRetryFor, names) {
		return false
	}
	if len(p.RetryFor) == 0 && len(p.Match) == 0 {
		return true
	}
	return overlaps(p.RetryFor, names) || matchAny(p.Match, err)
}

func matchAny(fs []func(error) bool, err error) bool {
	for _, f := range fs {
		if f(err) {
			return true
		}
	}
	return false
}

func overlaps(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

// ErrorNames lists the names by which a policy can mention err: for each error
// in its tree the stable code when it has a method ErrorName() string or is an
// [*Error], and its Go type without the star ("fs.PathError").
func ErrorNames(err error) []string {
	var names []string
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		if n, ok := err.(interface{ ErrorName() string }); ok {
			names = append(names, n.ErrorName())
		}
		if e, ok := err.(*Error); ok {
			names = append(names, string(e.Code))
		}
		names = append(names, strings.TrimLeft(fmt.Sprintf("%T", err), "*"))
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			walk(u.Unwrap())
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				walk(e)
			}
		}
	}
	walk(err)
	return names
}

// PermanentError marks a failure that no retry will mend; see [Permanent].
type PermanentError struct{ Err error }

// Permanent wraps err so that the task goes to the dead letters at once. It
// returns nil for a nil err.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &PermanentError{Err: err}
}

// Error returns the cause's text.
func (e *PermanentError) Error() string {
	if e.Err == nil {
		return "permanent failure"
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *PermanentError) Unwrap() error { return e.Err }

// IsPermanent reports whether err was marked with [Permanent].
func IsPermanent(err error) bool {
	var p *PermanentError
	return errors.As(err, &p)
}

// RetryError asks for another attempt at a time of the handler's choosing.
//
//   - After counts from the settle; At, when set, wins; with neither the policy
//     decides when.
//   - Max, when set, replaces the number of retries from now on.
//   - Err may be nil: then it is an explicit retry, not a failure with a hint.
//
// It counts as an attempt, and when no attempt is left the task goes to the
// dead letters like any other.
type RetryError struct {
	After time.Duration
	At    time.Time
	Max   *int
	Err   error
}

// RetryAfter returns an error that retries the task after d, because of err
// (which may be nil).
func RetryAfter(d time.Duration, err error) error { return &RetryError{After: d, Err: err} }

// Error returns the cause's text, or says that a retry was asked for.
func (e *RetryError) Error() string {
	if e.Err == nil {
		return "retry requested"
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *RetryError) Unwrap() error { return e.Err }
