package handler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Defaults of [ExecSpec].
const (
	DefaultMaxOutput = 1 << 20
	DefaultGrace     = 5 * time.Second
)

// How a program's stdout becomes the result.
const (
	ResultAuto = "auto" // JSON when all of it is one JSON value, otherwise text
	ResultJSON = "json" // JSON, and anything else is a permanent failure
	ResultText = "text" // a string
	ResultNone = "none" // null; stdout joins the log
)

// ExecSpec describes a task that runs a program.
//
//   - Command is the program and its arguments; no shell is involved. A name
//     without a slash is looked up in PATH, a relative path starts from Dir.
//   - Dir "" is the worker's working directory.
//   - Env is set as it is. EnvPass names further variables of the worker that
//     the program may see ("AWS_REGION", "AWS_*"); names that begin with STEM_
//     are refused.
//   - Result "" is ResultAuto; empty output is null.
//   - RetryCodes are exit codes that ask for another try whatever the policy
//     says about errors; nil is 75 (EX_TEMPFAIL). PermanentCodes go to the dead
//     letters at once; nil is 64, 65 and 78 (EX_USAGE, EX_DATAERR, EX_CONFIG).
//     Every other code but 0 is a failure like any, left to the retry policy.
//   - MaxOutput bounds stdout in bytes; 0 is DefaultMaxOutput. A program that
//     prints more is killed, and the failure is permanent.
//   - Grace is the time between SIGTERM and SIGKILL when the task is cancelled;
//     0 is DefaultGrace, negative kills at once.
//   - SoftSignal is sent to the group at the soft limit ("USR1"); "" sends only
//     the notice on descriptor 4.
type ExecSpec struct {
	Command        []string
	Dir            string
	Env            map[string]string
	EnvPass        []string
	Result         string
	RetryCodes     []int
	PermanentCodes []int
	MaxOutput      int64
	Grace          time.Duration
	SoftSignal     string
}

func (s ExecSpec) withDefaults() ExecSpec {
	if s.Result == "" {
		s.Result = ResultAuto
	}
	if s.RetryCodes == nil {
		s.RetryCodes = []int{75}
	}
	if s.PermanentCodes == nil {
		s.PermanentCodes = []int{64, 65, 78}
	}
	if s.MaxOutput == 0 {
		s.MaxOutput = DefaultMaxOutput
	}
	if s.Grace == 0 {
		s.Grace = DefaultGrace
	}
	return s
}

// validate reports the first mistake of a spec whose defaults are filled in.
func (s ExecSpec) validate() error {
	bad := func(hint, format string, args ...any) error {
		return &runtime.Error{Code: runtime.CodeInvalid, Message: "exec: " + fmt.Sprintf(format, args...), Hint: hint}
	}
	if len(s.Command) == 0 || s.Command[0] == "" {
		return bad("name the program and its arguments: [python3, send.py]", "no command")
	}
	if !slices.Contains([]string{ResultAuto, ResultJSON, ResultText, ResultNone}, s.Result) {
		return bad("use auto, json, text or none", "result %q is not known", s.Result)
	}
	if s.MaxOutput < 0 {
		return bad("", "max output is negative")
	}
	for _, code := range slices.Concat(s.RetryCodes, s.PermanentCodes) {
		if code < 1 || code > 255 {
			return bad("exit codes are 1 to 255", "exit code %d is out of range", code)
		}
		if slices.Contains(s.RetryCodes, code) && slices.Contains(s.PermanentCodes, code) {
			return bad("", "exit code %d is both for retry and permanent", code)
		}
	}
	for name := range s.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return bad("", "environment name %q is not valid", name)
		}
	}
	for _, name := range s.EnvPass {
		if hasStemPrefix(name) {
			return bad("pass what the program needs by env, under a name of its own", "%s is stem's own and is never passed on", name)
		}
	}
	return nil
}
