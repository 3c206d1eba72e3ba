package handler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// ExitError is a program that failed.
//
//   - Code is its exit code, -1 when a signal ended it; Signal is that signal's
//     name ("SIGSEGV").
//   - LastLine is the last thing it said on stderr.
//
// Retry policies know it as "exit-3" or "signal-SIGSEGV".
type ExitError struct {
	Program  string
	Code     int
	Signal   string
	LastLine string
}

// Error says how the program ended and its last word.
func (e *ExitError) Error() string {
	var s string
	switch {
	case e.Signal == "SIGKILL":
		s = e.Program + " was killed by SIGKILL (often the system, out of memory)"
	case e.Signal != "":
		s = e.Program + " was killed by " + e.Signal
	default:
		s = fmt.Sprintf("%s exited with code %d", e.Program, e.Code)
	}
	if e.LastLine != "" {
		s += ": " + e.LastLine
	}
	return s
}

// ErrorName returns the name by which retry policies can mention the failure.
func (e *ExitError) ErrorName() string {
	if e.Signal != "" {
		return "signal-" + strings.ReplaceAll(e.Signal, " ", "-")
	}
	return fmt.Sprintf("exit-%d", e.Code)
}

// classify marks the failure as the exit codes say. after is the wait that the
// program asked for; 0 leaves it to the policy's backoff.
func (s ExecSpec) classify(e *ExitError, after time.Duration) error {
	switch {
	case slices.Contains(s.PermanentCodes, e.Code):
		return runtime.Permanent(e)
	case slices.Contains(s.RetryCodes, e.Code):
		return runtime.RetryAfter(after, e)
	}
	return e
}

// namedError gives an error the reason under which the task is filed.
type namedError struct {
	err  error
	name string
}

func (e *namedError) Error() string { return e.err.Error() }

// Unwrap returns the coded error.
func (e *namedError) Unwrap() error { return e.err }

// ErrorName returns the reason.
func (e *namedError) ErrorName() string { return e.name }

func tooLarge(message, hint string) error {
	return runtime.Permanent(&namedError{&runtime.Error{Code: runtime.CodeInvalid, Message: message, Hint: hint}, runtime.ReasonTooLarge})
}
