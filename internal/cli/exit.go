package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
)

// Exit codes of every command.
const (
	exitOK          = 0
	exitNegative    = 1   // it ran and the answer is no: not found, task failed, unhealthy
	exitPartial     = 4   // some items failed; the counts are in the output
	exitUsage       = 64  // wrong usage, or a confirmation is needed
	exitUnavailable = 69  // the store cannot be opened or reached
	exitBug         = 70  // stem's own mistake
	exitTimeout     = 75  // timed out; trying again may work
	exitDenied      = 77  // permissions, credentials
	exitConfig      = 78  // the configuration is wrong
	exitInterrupted = 130 // interrupted by the person
)

// failure is an error on its way out of the program.
//
//   - from is where a wrong value was set ("store in /srv/stem.yaml:2").
//   - quiet: the output has said it already; only the code counts.
type failure struct {
	code  int
	from  string
	hint  string
	quiet bool
	err   error
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// usagef is a mistake in how the command was called.
func usagef(hint, format string, args ...any) error {
	return &failure{code: exitUsage, hint: hint, err: fmt.Errorf(format, args...)}
}

// negative ends with a code after the output has said why.
func negative(code int) error { return &failure{code: code, quiet: true} }

// exitCode maps an error to the code of the process, in this one place.
func exitCode(err error) int {
	var f *failure
	var misuse *printer.Misuse
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		return exitOK // the reader of the pipe has had enough
	case errors.As(err, &f) && f.code != 0:
		return f.code
	case errors.Is(err, console.ErrNeedsYes), errors.As(err, &misuse):
		return exitUsage
	case errors.Is(err, console.ErrDeclined):
		return exitNegative
	case errors.Is(err, context.Canceled), errors.Is(err, console.ErrInterrupted):
		return exitInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	}
	switch runtime.CodeOf(err) {
	case runtime.CodeInvalid, runtime.CodeUnsupported:
		return exitUsage
	case runtime.CodeNotFound, runtime.CodeExists, runtime.CodeConflict, runtime.CodeLeaseLost, runtime.CodeFull:
		return exitNegative
	case runtime.CodeUnavailable, runtime.CodeCorrupt, runtime.CodeIncompatible:
		return exitUnavailable
	case runtime.CodeTimeout:
		return exitTimeout
	case runtime.CodeDenied:
		return exitDenied
	}
	return exitNegative
}

// report tells the person what failed, where the wrong value came from and what
// to do: one line each. With structured output it is one JSON object.
func report(w io.Writer, err error, structured, color bool) {
	var f *failure
	errors.As(err, &f)
	if err == nil || f != nil && f.quiet || errors.Is(err, syscall.EPIPE) {
		return
	}
	hint, from := runtime.HintOf(err), ""
	if f != nil {
		from = f.from
		if f.hint != "" {
			hint = f.hint
		}
	}
	if errors.Is(err, console.ErrNeedsYes) {
		hint = "add --yes to go ahead without being asked"
	}
	if structured {
		reportJSON(w, err, hint)
		return
	}
	fmt.Fprintf(w, "%s %s\n", console.Paint(color, console.Red, "stem:"), indent(err.Error()))
	if from != "" {
		fmt.Fprintf(w, "  from:  %s\n", from)
	}
	if hint != "" {
		fmt.Fprintf(w, "  hint:  %s\n", indent(hint))
	}
}

func reportJSON(w io.Writer, err error, hint string) {
	code := string(runtime.CodeOf(err))
	if code == "" {
		code = map[int]string{
			exitUsage: "usage", exitConfig: "config", exitTimeout: "timeout", exitInterrupted: "interrupted", exitBug: "bug",
		}[exitCode(err)]
	}
	if code == "" {
		code = "failed"
	}
	body := map[string]string{"code": code, "message": err.Error()}
	if hint != "" {
		body["hint"] = hint
	}
	raw, _ := json.Marshal(map[string]any{"error": body}) // strings always marshal
	fmt.Fprintln(w, string(raw))
}

// indent keeps the lines of a message that has several below each other, and
// its control characters away from the terminal.
func indent(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = console.Safe(lines[i])
	}
	return strings.Join(lines, "\n         ")
}
