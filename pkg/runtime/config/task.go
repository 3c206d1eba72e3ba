package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// taskFields are the keys of a task.
var taskFields = slices.Concat([]field[Task]{
	{"description", "text", "", "what it does, for people", to(asText, func(t *Task, v string) { t.Description = v })},
	{"tags", "list", "", "words to find it by", to(asList(asText), func(t *Task, v []string) { t.Tags = v })},
	{"idempotent", "true or false", "false", "says that running it twice does no harm; it is only shown", to(asBool, func(t *Task, v bool) { t.Idempotent = v })},
	{"exec", "list, or the keys below", "", "short for exec.command", to(asCommand, func(t *Task, v []string) { execOf(t).Command = v })},
},
	lift("exec.", execFields, execOf),
	lift("http.", httpFields, httpOf),
	lift("", slices.Concat(optionFields, uniqueFields), func(t *Task) *options { return &t.Options }),
)

var execFields = []field[ExecTask]{
	{"command", "list", "", "the program and its arguments; no shell is involved", to(asCommand, func(x *ExecTask, v []string) { x.Command = v })},
	{"dir", "path", "the file's directory", "where the program runs", to(asText, func(x *ExecTask, v string) { x.Dir = v })},
	{"env", "mapping", "", "variables it gets", to(asTexts, func(x *ExecTask, v map[string]string) { x.Env = v })},
	{"env_pass", "list of names", "", "variables of the worker it may see besides PATH, HOME, LANG, LC_*, TZ and TMPDIR (AWS_*)", to(asList(asText), func(x *ExecTask, v []string) { x.EnvPass = v })},
	{"result", "auto, json, text or none", "auto", "what stdout is", to(oneOf("auto", "json", "text", "none"), func(x *ExecTask, v string) { x.Result = v })},
	{"exit_codes.retry", "list of codes", "75", "exit codes that ask for another try", to(asCodes(1, 255), func(x *ExecTask, v []int) { x.RetryCodes = v })},
	{"exit_codes.permanent", "list of codes", "64, 65, 78", "exit codes that no retry mends", to(asCodes(1, 255), func(x *ExecTask, v []int) { x.PermanentCodes = v })},
	{"max_output", "size", "1MiB", "the most it may print to stdout", to(asBytes, func(x *ExecTask, v int64) { x.MaxOutput = v })},
	{"grace", "duration", "5s", "time between SIGTERM and SIGKILL", to(asDuration, func(x *ExecTask, v time.Duration) { x.Grace = orNegative(v) })},
	{"soft_signal", "signal name", "none", "sent to its process group at the soft limit (USR1)", to(asText, func(x *ExecTask, v string) { x.SoftSignal = v })},
}

var httpFields = []field[HTTPTask]{
	{"method", "template", "POST", "how to call it", to(asText, func(x *HTTPTask, v string) { x.Method = v })},
	{"url", "template", "", "where to; {{.args.user}} and others are filled in", to(asText, func(x *HTTPTask, v string) { x.URL = v })},
	{"headers", "mapping of templates", "", "headers it gets besides Content-Type, Idempotency-Key (the task's id) and the trace headers", to(asTexts, func(x *HTTPTask, v map[string]string) { x.Headers = v })},
	{"body", "template", "the arguments", "what is sent", to(asText, func(x *HTTPTask, v string) { x.Body = &v })},
	{"timeout", "duration", "30s", "for the call with its redirects", to(asPositive, func(x *HTTPTask, v time.Duration) { x.Timeout = v })},
	{"success", "list of codes", "200-299", "status codes that succeed", to(asCodes(100, 599), func(x *HTTPTask, v []int) { x.Success = v })},
	{"retry", "list of codes", "408, 425, 429, 500-599", "status codes that may pass on another try; others are permanent failures", to(asCodes(100, 599), func(x *HTTPTask, v []int) { x.Retry = v })},
	{"max_body", "size", "1MiB", "the longest response", to(asBytes, func(x *HTTPTask, v int64) { x.MaxBody = v })},
	{"follow", "0 to 20", "5", "redirects that are followed", to(asInt(0, 20), func(x *HTTPTask, v int) { x.Follow = int(orNegative(time.Duration(v))) })},
	{"allow_addresses", "list of addresses", "", "link-local or metadata addresses that may be called all the same", to(asList(asText), func(x *HTTPTask, v []string) { x.AllowAddresses = v })},
}

// orNegative keeps a written 0 apart from a value that is not set: the runners
// take zero as their default and negative as none.
func orNegative(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

func execOf(t *Task) *ExecTask {
	if t.Exec == nil {
		t.Exec = &ExecTask{}
	}
	return t.Exec
}

func httpOf(t *Task) *HTTPTask {
	if t.HTTP == nil {
		t.HTTP = &HTTPTask{}
	}
	return t.HTTP
}

// asCommand reads a program and its arguments. One line of shell is refused
// rather than split, because there is no splitting that is always right.
func asCommand(it item) ([]string, error) {
	if it.kind != list {
		return nil, &runtime.Error{
			Code: runtime.CodeInvalid, Message: "want a list, got " + it.word(),
			Hint: `write [python3, send.py], or [sh, -c, "one line of shell"]`,
		}
	}
	if len(it.list) == 0 {
		return nil, runtime.Errorf(runtime.CodeInvalid, "the list is empty")
	}
	return asList(asAnyText)(it)
}

// readTask turns one entry under tasks: into a Task.
func readTask(s *schema[Task], defaults options, e entry, c *collector, seen visit) Task {
	t := Task{Name: e.key, Source: e.at.String(), Options: seed(defaults)}
	prefix := "tasks." + clean(e.key) + "."
	if err := runtime.CheckName("task name", e.key); err != nil {
		c.addError(e.at, "", err)
		return t
	}
	before := len(c.found)
	s.read(&t, e.val, prefix, "", c, seen)
	if len(c.found) > before {
		return t // what is missing may be what was misspelt
	}
	if err := t.check(); err != nil {
		c.addError(e.at, strings.TrimSuffix(prefix, ".")+": ", err)
	}
	if t.Exec != nil && !filepath.IsAbs(t.Exec.Dir) {
		t.Exec.Dir = filepath.Join(filepath.Dir(e.at.File), t.Exec.Dir)
	}
	return t
}

// check reports what is wrong with the task as a whole.
func (t *Task) check() error {
	bad := func(hint, format string, args ...any) error {
		return &runtime.Error{Code: runtime.CodeInvalid, Message: fmt.Sprintf(format, args...), Hint: hint}
	}
	switch {
	case t.Exec == nil && t.HTTP == nil:
		return bad("say what runs: exec: [program, argument] or http: {url: ...}", "it has neither exec nor http")
	case t.Exec != nil && t.HTTP != nil:
		return bad("make two tasks of it", "it has both exec and http")
	case t.Exec != nil && len(t.Exec.Command) == 0:
		return bad("", "exec has no command")
	case t.HTTP != nil && t.HTTP.URL == "":
		return bad("", "http has no url")
	}
	return t.Options.Validate()
}
