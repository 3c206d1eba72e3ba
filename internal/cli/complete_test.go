package cli

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// complete returns what a shell is offered for the last word.
func complete(t *testing.T, words ...string) []string {
	t.Helper()
	stdout, _, code := run(t, "", append([]string{"__complete"}, words...)...)
	if code != exitOK {
		t.Fatalf("completion of %q: exit %d", words, code)
	}
	var out []string
	for line := range strings.Lines(stdout) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !strings.HasPrefix(word, ":") { // the directive for the shell
			out = append(out, word)
		}
	}
	return out
}

func TestCompletion(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("stem.yaml", []byte("tasks: {mail.send: {exec: [true], queue: mail}, hook: {exec: [true]}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"task-a", "task-b"} {
		if _, stderr, code := run(t, "", "enqueue", "mail.send", "--id", id); code != exitOK {
			t.Fatal(stderr)
		}
	}
	runDemo(t, "demo", "--dir", goTree(t, 2), "--store", "sqlite:.stem/stem.db") // leaves a dead letter
	stdout, _, _ := run(t, "", "dlq", "ls", "-o", "name")
	dead := strings.TrimSpace(stdout)

	for line, want := range map[string][]string{
		"task wait ''":                 {"task-b", "task-a"}, // the latest first
		"task wait task-b":             {"task-b"},
		"task wait task-a ''":          {"task-b"},
		"dlq show ''":                  {dead},
		"task retry ''":                {dead},
		"queue show ''":                {"default", "demo", "mail"},
		"queue show mail ''":           nil,
		"enqueue ''":                   {"hook", "mail.send"},
		"enqueue m":                    {"mail.send"},
		"enqueue mail.send --queue ''": {"default", "demo", "mail"},
		"task ls --state r":            {"running", "retried"},
		"task ls --state failed,c":     {"failed,cancelled"},
		"task ls --task h":             {"hook"},
		"worker --queues mail,d":       {"mail,default", "mail,demo"},
	} {
		if got := complete(t, shellWords(line)...); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	if all := complete(t, "task", "show", ""); len(all) != 4 || !slices.Contains(all, dead) {
		t.Errorf("task show: %q", all)
	}
}

// TestCompletionIsSilent: no store, a wrong one, a wrong configuration.
func TestCompletionIsSilent(t *testing.T) {
	t.Chdir(t.TempDir())
	if got := complete(t, "task", "show", ""); got != nil {
		t.Errorf("without a store: %q", got)
	}
	if _, err := os.Stat(".stem"); err == nil {
		t.Error("completion has created a store")
	}
	if got := complete(t, "task", "show", "--store", "nope://x", ""); got != nil {
		t.Errorf("with a wrong store: %q", got)
	}
	if err := os.WriteFile("stem.yaml", []byte("workr: {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := complete(t, "queue", "show", ""); got != nil {
		t.Errorf("with a wrong configuration: %q", got)
	}
}

// hangs is a store that does not answer until it is let, whatever the context
// says.
type hangs struct {
	scheme string
	let    chan struct{}
}

func (h hangs) Schemes() []string { return []string{h.scheme} }

func (h hangs) Open(context.Context, string, runtime.OpenOptions) (*runtime.Backend, error) {
	<-h.let
	return nil, runtime.Errorf(runtime.CodeUnavailable, "it hangs")
}

func TestCompletionDoesNotKeepAPersonWaiting(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	store := hangs{scheme: "hangs-" + strings.ToLower(rand.Text()), let: make(chan struct{})}
	defer close(store.let)
	runtime.Register(store)
	began := time.Now()
	if got := complete(t, "task", "show", "--store", store.scheme+":", ""); got != nil {
		t.Errorf("got %q", got)
	}
	if took := time.Since(began); took < completionTime || took > 10*completionTime {
		t.Errorf("it took %s, want about %s", took, completionTime)
	}
}
