package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/handler"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// pointerError is the classic: a nil pointer of it, returned as an error, is
// not nil and panics when it is asked for its text.
type pointerError struct{ text string }

func (e *pointerError) Error() string { return e.text }

// badError panics in one of its methods.
type badError struct{ method string }

func (e badError) at(method string) {
	if e.method == method {
		panic("in " + method)
	}
}
func (e badError) Error() string     { e.at("Error"); return "bad" }
func (e badError) ErrorName() string { e.at("ErrorName"); return "bad" }
func (e badError) Unwrap() error     { e.at("Unwrap"); return nil }
func (e badError) As(any) bool       { e.at("As"); return false }

func matching(f func(error) bool) func(*runtime.TaskOptions) {
	return func(o *runtime.TaskOptions) { o.Retry = &runtime.RetryPolicy{Match: []func(error) bool{f}} }
}

// An error, a matcher or an error middleware is the handler's code: whatever it
// panics with is a failure of that attempt, and neither the process nor another
// task notices.
func TestErrorsThatPanicAreFailures(t *testing.T) {
	returns := func(err error) runtime.HandlerFunc {
		return func(context.Context, *runtime.Task) (json.RawMessage, error) { return nil, err }
	}
	matcher := matching(func(error) bool { panic("matcher") })
	cases := map[string]struct {
		def     runtime.Definition
		message string
	}{
		"typed nil":      {task("x", returns((*pointerError)(nil)), retries(1)), "*worker_test.pointerError: runtime error: invalid memory address"},
		"Error":          {task("x", returns(badError{"Error"}), retries(1)), "worker_test.badError: in Error"},
		"ErrorName":      {task("x", returns(badError{"ErrorName"}), retries(1)), "worker_test.badError: in ErrorName"},
		"Unwrap":         {task("x", returns(badError{"Unwrap"}), retries(1)), "worker_test.badError: in Unwrap"},
		"As":             {task("x", returns(badError{"As"}), retries(1)), "worker_test.badError: in As"},
		"within another": {task("x", returns(runtime.RetryAfter(time.Second, badError{"Error"})), retries(1)), "*runtime.RetryError: in Error"},
		"nil retry":      {task("x", returns((*runtime.RetryError)(nil)), retries(1)), "*runtime.RetryError: runtime error: invalid memory address"},
		"panicked with":  {task("x", func(context.Context, *runtime.Task) (json.RawMessage, error) { panic(badError{"As"}) }, retries(1)), "*worker.panicError: in As"},
		"matcher":        {task("x", fails, retries(1), matcher), "*errors.errorString: matcher"},
		"matcher, limit": {task("x", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) { return nil, nap(ctx, time.Hour) }, retries(1), matcher, hard(time.Second)), "*runtime.Error: matcher"},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, defs(x.def, task("echo", echo)), func(r *rig) {
				w := r.start()
				rec := r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateFailed)
				body := r.body(rec)
				if rec.Attempt != 1 || !strings.Contains(rec.Error, "panic: reading the error, a "+x.message) {
					t.Errorf("attempt %d, error %q", rec.Attempt, rec.Error)
				}
				if !strings.HasPrefix(name, "matcher, limit") && rec.Reason != runtime.ReasonPanic {
					t.Errorf("reason is %s", rec.Reason)
				}
				if body.Error.Type != "panic" || !strings.Contains(body.Error.Stack, "failure.go") {
					t.Errorf("stored error: %+v", body.Error)
				}
				r.ended(r.enqueue(runtime.Request{Name: "echo"}), runtime.StateSucceeded)
				w.stop(runtime.DrainWarm)
			})
		})
	}
}

// The error that listeners get has a safe text, and is the handler's own for
// errors.Is.
func TestListenersGetTheHandlersError(t *testing.T) {
	heard := make(chan error, 1)
	signals := &runtime.Signals{}
	signals.Listen(runtime.SignalFailed, 0, func(_ context.Context, s runtime.Signal) { heard <- s.Err })
	inBubble(t, defs(task("x", fails)), func(r *rig) {
		w := r.start(func(o *worker.Options) { o.Signals = signals })
		r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateFailed)
		w.stop(runtime.DrainWarm)
	})
	if err := <-heard; !errors.Is(err, errBroken) || err.Error() != "broken" {
		t.Errorf("listener got %v", err)
	}
}

// Retries of many tasks that failed together do not come back together.
func TestBackoffIsSpread(t *testing.T) {
	inBubble(t, defs(task("x", fails, retries(1))), func(r *rig) {
		w := r.start()
		due := map[int64]bool{}
		began := time.Now() // virtual: all fail at the same moment
		for _, id := range r.enqueueN("x", 20) {
			due[r.at(id, runtime.PlaceDelayed).DueAt.Sub(began).Milliseconds()] = true
		}
		if len(due) < 10 {
			t.Errorf("20 retries are due at %d different times", len(due))
		}
		w.stop(runtime.DrainWarm)
	})
}

// named is an error as the runners of pkg/runtime/handler make them.
type named string

func (n named) Error() string     { return "named " + string(n) }
func (n named) ErrorName() string { return string(n) }

// What cannot be decoded and what is too large is filed as such, whoever found
// it out; a failure that may pass is tried again whatever its name.
func TestPermanentFailuresAreFiledByTheirNames(t *testing.T) {
	type number struct{ N int }
	typed := handler.Go(func(context.Context, number) (int, error) { return 0, nil })
	returns := func(err error) runtime.HandlerFunc {
		return func(context.Context, *runtime.Task) (json.RawMessage, error) { return nil, err }
	}
	cases := map[string]struct {
		run    runtime.HandlerFunc
		reason string
	}{
		"args of another shape": {typed, runtime.ReasonDecode},
		"too large":             {returns(runtime.Permanent(named(runtime.ReasonTooLarge))), runtime.ReasonTooLarge},
		"other":                 {returns(runtime.Permanent(named("other"))), runtime.ReasonPermanent},
		"not permanent":         {returns(named(runtime.ReasonTooLarge)), runtime.ReasonExhausted},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, defs(task("x", x.run)), func(r *rig) {
				w := r.start()
				rec := r.ended(r.enqueue(runtime.Request{Name: "x", Args: json.RawMessage(`{"N":"one"}`)}), runtime.StateFailed)
				if rec.Reason != x.reason {
					t.Errorf("reason is %s", rec.Reason)
				}
				w.stop(runtime.DrainWarm)
			})
		})
	}
}
