package worker

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// failure is an error as data: all that judging and recording want to know of
// it, read once. An error is its handler's code, and so are a policy's matchers:
// what they panic with would end the process if it were not read under a recover.
//
// It is an error itself, whose text is safe, and unwraps to the original for
// listeners.
type failure struct {
	err       error
	text      string
	names     []string
	stack     string              // of a panic, else ""
	permanent bool                // marked so
	retries   bool                // the policy tries again after it
	asked     *runtime.RetryError // the handler asked for another try
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// read takes from err what there is to know under a policy. When that panics,
// the attempt has failed by a panic, and only the part of the policy that is
// data decides about it.
func read(err error, p runtime.RetryPolicy) (f *failure) {
	defer func() {
		if v := recover(); v != nil {
			p.Match, p.DontMatch = nil, nil
			f = read(panicked(fmt.Sprintf("reading the error, a %T: %v", err, v)), p)
		}
	}()
	f = &failure{err: err, text: err.Error(), names: runtime.ErrorNames(err), permanent: runtime.IsPermanent(err), retries: p.Retries(err)}
	var panicked *panicError
	if errors.As(err, &panicked) {
		f.stack = panicked.stack
	}
	var asked *runtime.RetryError
	if errors.As(err, &asked) {
		f.asked = &runtime.RetryError{After: asked.After, At: asked.At, Max: asked.Max}
	}
	return f
}

// plainly is a permanent failure that has only a text.
func plainly(text string) *failure {
	return read(runtime.Permanent(errors.New(text)), runtime.RetryPolicy{})
}

// because puts the reason before the text.
func (f *failure) because(reason string) *failure {
	more := *f
	more.text = reason + ": " + f.text
	return &more
}

// kind is the first name that says what the failure is, not how it was wrapped.
func (f *failure) kind() string {
	for _, name := range f.names {
		if !wrappers[name] {
			return name
		}
	}
	return f.names[0]
}

var wrappers = map[string]bool{
	"fmt.wrapError": true, "fmt.wrapErrors": true, "errors.joinError": true,
	"runtime.PermanentError": true, "runtime.RetryError": true,
}

// is reports whether the failure bears a name.
func (f *failure) is(name string) bool { return slices.Contains(f.names, name) }

// panicError is a panic of a handler or a middleware.
type panicError struct {
	value any
	stack string
}

// panicked is called where a panic was recovered, so that the stack is its own.
func panicked(value any) *panicError {
	return &panicError{value: value, stack: cut(string(debug.Stack()), maxStack)}
}

func (e *panicError) Error() string     { return fmt.Sprintf("panic: %v", e.value) }
func (e *panicError) ErrorName() string { return "panic" }

// Unwrap lets a policy match an error that was panicked with.
func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}
