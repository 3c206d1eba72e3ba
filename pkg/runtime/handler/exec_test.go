//go:build unix

package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/handler"
)

// sh returns a handler that runs a line of shell.
func sh(t *testing.T, spec handler.ExecSpec, script string) runtime.HandlerFunc {
	t.Helper()
	spec.Command = []string{"sh", "-c", script}
	run, err := handler.Exec(spec)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestExecResults(t *testing.T) {
	cases := []struct {
		name, result, script, want, wantErr string
	}{
		{"auto takes JSON", "", `echo '{"n": 1}'`, `{"n": 1}`, ""},
		{"auto takes a bare number", "", `echo 42`, `42`, ""},
		{"auto falls back to text", "", `echo 'two words'; echo 'two lines'`, `"two words\ntwo lines"`, ""},
		{"auto of nothing is null", "", `true`, ``, ""},
		{"text stays text", "text", `echo 42`, `"42"`, ""},
		{"text of nothing is empty", "text", `true`, `""`, ""},
		{"text that is not UTF-8", "text", `printf 'a\377b'`, `"a` + "\uFFFD" + `b"`, ""},
		{"json", "json", `echo '[1,2]'`, `[1,2]`, ""},
		{"json refuses text", "json", `echo hello`, ``, `sh printed no JSON on stdout, but "hello"`},
		{"json refuses nothing", "json", `true`, ``, `sh printed no JSON on stdout`},
		{"none", "none", `echo ignored`, ``, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			task, h := newTask(`{}`)
			got, err := sh(t, handler.ExecSpec{Result: c.result}, c.script)(t.Context(), task)
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) || !runtime.IsPermanent(err) {
					t.Fatalf("error %v, want a permanent one with %q", err, c.wantErr)
				}
				return
			}
			if err != nil || string(got) != c.want {
				t.Fatalf("got %s, %v; want %s", got, err, c.want)
			}
			if c.result == "none" && !h.hasLine("ignored") {
				t.Errorf("stdout is not in the log: %q", h.lines())
			}
		})
	}
}

func TestExecInput(t *testing.T) {
	t.Setenv("STEM_STORE", "redis://:secret@localhost")
	t.Setenv("DB_PASSWORD", "secret")
	t.Setenv("LC_ALL", "C")
	t.Setenv("AWS_REGION", "eu-1")
	t.Setenv("AWS_PROFILE", "p")
	dir := t.TempDir()
	task, _ := newTask(`{"to":"a@b"}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	spec := handler.ExecSpec{Dir: dir, Env: map[string]string{"GREETING": "hello there"}, EnvPass: []string{"AWS_*"}, Result: "text"}
	out, err := sh(t, spec, `cat; pwd -P; env`)(ctx, task)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	if err := json.Unmarshal(out, &text); err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"to":"a@b"}` + "\n", real + "\n", "GREETING=hello there\n", "AWS_REGION=eu-1\n", "AWS_PROFILE=p\n", "LC_ALL=C\n", "PATH=",
		"STEM_PROTOCOL=1\n", "STEM_TASK_ID=t-1\n", "STEM_TASK_NAME=demo.run\n", "STEM_TASK_QUEUE=mail\n", "STEM_TASK_ATTEMPT=1\n",
		"STEM_TASK_MAX_RETRIES=4\n", "STEM_TASK_DELIVERIES=2\n", "STEM_TASK_ENQUEUED_AT=2026-01-02T03:04:05Z\n",
		`"tenant":"acme"`, "STEM_TASK_DEADLINE=20",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the program does not see %q in\n%s", want, text)
		}
	}
	for _, secret := range []string{"STEM_STORE", "DB_PASSWORD", "secret"} {
		if strings.Contains(text, secret) {
			t.Errorf("the program sees %s", secret)
		}
	}
}

func TestExecIgnoredInput(t *testing.T) {
	task, _ := newTask(`{"big":"` + strings.Repeat("x", 1<<20) + `"}`)
	out, err := sh(t, handler.ExecSpec{}, `exec <&-; echo 1`)(t.Context(), task)
	if err != nil || string(out) != "1" {
		t.Fatalf("got %s, %v", out, err)
	}
}

func TestExecExitCodes(t *testing.T) {
	cases := []struct {
		name      string
		spec      handler.ExecSpec
		script    string
		permanent bool
		retry     bool
		after     time.Duration
		errName   string
		message   string
	}{
		{"failure", handler.ExecSpec{}, `echo one >&2; echo 'no such user' >&2; exit 3`, false, false, 0, "exit-3", "sh exited with code 3: no such user"},
		{"tempfail", handler.ExecSpec{}, `exit 75`, false, true, 0, "exit-75", "sh exited with code 75"},
		{"usage", handler.ExecSpec{}, `exit 64`, true, false, 0, "exit-64", ""},
		{"data", handler.ExecSpec{}, `exit 65`, true, false, 0, "exit-65", ""},
		{"config", handler.ExecSpec{}, `exit 78`, true, false, 0, "exit-78", ""},
		{"own retry code", handler.ExecSpec{RetryCodes: []int{9}}, `exit 9`, false, true, 0, "exit-9", ""},
		{"no longer a retry code", handler.ExecSpec{RetryCodes: []int{9}}, `exit 75`, false, false, 0, "exit-75", ""},
		{"no permanent codes", handler.ExecSpec{PermanentCodes: []int{}}, `exit 64`, false, false, 0, "exit-64", ""},
		{"the program says when", handler.ExecSpec{}, `echo '{"type":"retry","after":"90s"}' >&3; exit 75`, false, true, 90 * time.Second, "exit-75", ""},
		{"killed", handler.ExecSpec{}, `kill -KILL $$`, false, false, 0, "signal-SIGKILL", "sh was killed by SIGKILL (often"},
		{"crashed", handler.ExecSpec{}, `kill -SEGV $$`, false, false, 0, "signal-SIGSEGV", "sh was killed by SIGSEGV"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			task, _ := newTask(`{}`)
			_, err := sh(t, c.spec, c.script)(t.Context(), task)
			var exit *handler.ExitError
			if !errors.As(err, &exit) || exit.ErrorName() != c.errName || !strings.HasPrefix(err.Error(), c.message) {
				t.Fatalf("got %v (%v), want %s: %s", err, runtime.ErrorNames(err), c.errName, c.message)
			}
			var retry *runtime.RetryError
			if errors.As(err, &retry) != c.retry || runtime.IsPermanent(err) != c.permanent {
				t.Errorf("got %#v; want retry %v, permanent %v", err, c.retry, c.permanent)
			}
			if c.retry && retry.After != c.after {
				t.Errorf("retry after %s, want %s", retry.After, c.after)
			}
		})
	}
}

func TestExecNotStarted(t *testing.T) {
	notExecutable := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(notExecutable, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		spec handler.ExecSpec
		code runtime.Code
	}{
		{"missing", handler.ExecSpec{Command: []string{"no-such-program-here"}}, runtime.CodeNotFound},
		{"missing path", handler.ExecSpec{Command: []string{"./no-such-program"}}, runtime.CodeNotFound},
		{"missing directory", handler.ExecSpec{Command: []string{"sh"}, Dir: "/no/such/dir"}, runtime.CodeNotFound},
		{"not executable", handler.ExecSpec{Command: []string{notExecutable}}, runtime.CodeDenied},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			run, err := handler.Exec(c.spec)
			if err != nil {
				t.Fatal(err)
			}
			task, _ := newTask(`{}`)
			_, err = run(t.Context(), task)
			if runtime.CodeOf(err) != c.code || runtime.HintOf(err) == "" {
				t.Errorf("got %v (%s)", err, runtime.CodeOf(err))
			}
		})
	}
}

func TestExecBadSpecs(t *testing.T) {
	ok := []string{"true"}
	cases := map[string]handler.ExecSpec{
		"no command":            {},
		"result \"yaml\"":       {Command: ok, Result: "yaml"},
		"out of range":          {Command: ok, RetryCodes: []int{0}},
		"both for retry":        {Command: ok, RetryCodes: []int{64}},
		"environment name":      {Command: ok, Env: map[string]string{"A=B": "c"}},
		"never passed on":       {Command: ok, EnvPass: []string{"STEM_STORE"}},
		"max output":            {Command: ok, MaxOutput: -1},
		`no signal "USR9"`:      {Command: ok, SoftSignal: "USR9"},
		"exit code 256 is out ": {Command: ok, PermanentCodes: []int{256}},
	}
	for want, spec := range cases {
		if _, err := handler.Exec(spec); !errors.Is(err, runtime.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestExecHugeOutput(t *testing.T) {
	task, _ := newTask(`{}`)
	_, err := sh(t, handler.ExecSpec{MaxOutput: 1000}, `yes`)(t.Context(), task)
	if !runtime.IsPermanent(err) || !strings.Contains(err.Error(), "printed more than 1000 bytes and was killed") {
		t.Fatalf("got %v", err)
	}
	if names := runtime.ErrorNames(err); !slices.Contains(names, runtime.ReasonTooLarge) {
		t.Errorf("names %v lack %s", names, runtime.ReasonTooLarge)
	}
}

func TestExecOutputAtTheLimit(t *testing.T) {
	task, _ := newTask(`{}`)
	out, err := sh(t, handler.ExecSpec{MaxOutput: 4}, `printf 1234`)(t.Context(), task)
	if err != nil || string(out) != "1234" {
		t.Fatalf("got %s, %v", out, err)
	}
}

func TestExecHugeStderr(t *testing.T) {
	task, h := newTask(`{}`)
	script := `head -c 100000000 /dev/zero | tr '\0' x >&2; echo >&2; echo last words >&2; echo 1`
	out, err := sh(t, handler.ExecSpec{}, script)(t.Context(), task)
	if err != nil || string(out) != "1" {
		t.Fatalf("got %s, %v", out, err)
	}
	lines := h.lines()
	if len(lines) != 2 || len(lines[0]) > 5000 || lines[1] != "last words" {
		t.Errorf("got %d lines, the first of %d bytes, the last %q", len(lines), len(lines[0]), lines[len(lines)-1])
	}
}

func TestExecConcurrently(t *testing.T) {
	run := sh(t, handler.ExecSpec{}, `cat`)
	results := make(chan string, 20)
	for i := range cap(results) {
		go func() {
			task, _ := newTask(`[` + strings.Repeat("1,", i) + `1]`)
			out, err := run(t.Context(), task)
			if err == nil && string(out) != string(task.Args) {
				err = errors.New("got another's output: " + string(out))
			}
			if err != nil {
				results <- err.Error()
				return
			}
			results <- ""
		}()
	}
	for range cap(results) {
		if got := <-results; got != "" {
			t.Error(got)
		}
	}
}
