package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/internal/cli/console"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
	"github.com/stem-jobs/stem/pkg/stem"
)

// workplace is an empty directory with a store of its own and a task that does
// as it is told.
type workplace struct {
	t *testing.T
}

type orders struct {
	Fail string `json:"fail"`
	N    int    `json:"n"`
}

var obey = stem.Define("test.obey", func(_ context.Context, o orders) (int, error) {
	if o.Fail != "" {
		return 0, stem.Permanent(errors.New(o.Fail))
	}
	return o.N * 2, nil
}, stem.Description("Do as told"))

func newWorkplace(t *testing.T) *workplace {
	t.Helper()
	t.Chdir(t.TempDir())
	return &workplace{t: t}
}

// stem runs a command in a pipe and checks its exit code.
func (w *workplace) stem(want int, args ...string) (stdout, stderr string) {
	w.t.Helper()
	return w.stemWith("", 0, want, args...)
}

// stemWith runs a command with an input, on a terminal of a width (0: a pipe).
func (w *workplace) stemWith(stdin string, width, want int, args ...string) (stdout, stderr string) {
	w.t.Helper()
	var out, errs bytes.Buffer
	con := &console.Console{In: strings.NewReader(stdin), Out: &out, Err: &errs, Env: func(string) string { return "" }}
	if width > 0 {
		con.InTTY, con.OutTTY, con.ErrTTY, con.Width = true, true, true, width
	}
	code := Main(Options{Args: args, Console: con, Stem: []stem.Option{stem.With(obey)}})
	if code != want {
		w.t.Fatalf("stem %s: exit %d, want %d\nstdout: %s\nstderr: %s", strings.Join(args, " "), code, want, &out, &errs)
	}
	return out.String(), errs.String()
}

// work runs a worker until nothing is left to do.
func (w *workplace) work() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	app, err := stem.Open(ctx, "sqlite:.stem/stem.db", stem.With(obey))
	if err != nil {
		w.t.Fatal(err)
	}
	defer app.Close()
	working, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- app.Work(working) }()
	idle := time.NewTicker(5 * time.Millisecond)
	defer idle.Stop()
	for {
		stats, err := app.Backend().Queues.Stats(ctx, []string{"default"})
		if err != nil {
			w.t.Fatal(err)
		}
		if s := stats[0]; s.Ready+s.Leased+s.Delayed == 0 {
			break
		}
		<-idle.C
	}
	stop()
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
}

// dead makes n dead letters, and returns nothing before they are there.
func (w *workplace) dead(n int) {
	w.t.Helper()
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"task": "test.obey", "id": "dead-%03d", "args": {"fail": "told to"}}`+"\n", i)
	}
	w.stemWith(lines.String(), 0, exitOK, "enqueue", "--stdin")
	w.work()
}

func (w *workplace) deadCount() int {
	w.t.Helper()
	out, _ := w.stem(exitOK, "dlq", "ls", "-o", "name", "--limit", "1000")
	return strings.Count(out, "\n")
}

func TestEnqueueShowWaitResult(t *testing.T) {
	w := newWorkplace(t)
	out, stderr := w.stem(exitOK, "enqueue", "test.obey", `{"n": 21}`, "--id", "t1")
	if out != "t1\n" || !strings.Contains(stderr, "created store sqlite:") {
		t.Errorf("stdout %q, stderr %q", out, stderr)
	}
	out, _ = w.stem(exitOK, "enqueue", "test.obey", `{"n": 22}`, "--id", "t1")
	if out != "t1\n" {
		t.Errorf("again: %q", out)
	}
	w.work()
	if out, _ = w.stem(exitOK, "task", "wait", "t1"); out != "42\n" {
		t.Errorf("wait printed %q", out)
	}
	out, _ = w.stem(exitOK, "task", "show", "t1", "-o", "json")
	var shown struct {
		State  string
		Result int
		Name   string
	}
	if err := json.Unmarshal([]byte(out), &shown); err != nil || shown.State != "succeeded" || shown.Result != 42 || shown.Name != "test.obey" {
		t.Errorf("show: %s (%v)", out, err)
	}
	w.stem(exitNegative, "task", "show", "nobody")
	w.stem(exitNegative, "task", "wait", "nobody")
	w.stem(exitPartial, "task", "show", "t1", "nobody")
}

func TestWaitTimesOut(t *testing.T) {
	w := newWorkplace(t)
	_, stderr := w.stem(exitTimeout, "enqueue", "test.obey", "--id", "t1", "--wait", "--wait-timeout", "50ms")
	if !strings.Contains(stderr, "has not ended after 50ms") || !strings.Contains(stderr, "stem task explain t1") {
		t.Errorf("got %q", stderr)
	}
}

func TestWaitOfAFailedTask(t *testing.T) {
	w := newWorkplace(t)
	w.dead(1)
	out, stderr := w.stem(exitNegative, "task", "wait", "dead-000")
	if out != "" || !strings.Contains(stderr, "told to") {
		t.Errorf("stdout %q, stderr %q", out, stderr)
	}
}

func TestEnqueueRefusesBadInputAndChangesNothing(t *testing.T) {
	w := newWorkplace(t)
	w.stem(exitOK, "enqueue", "test.obey", "--id", "first")
	for _, args := range [][]string{
		{"test.obey", "{broken"}, {"test.obey", "[1]"}, {"test.obey", `"text"`}, {"bad name"}, {"bad\x1bname"}, {""},
		{"test.obey", "--priority", "11"}, {"test.obey", "--priority", "-1"}, {"test.obey", "--priority", "high"},
		{"test.obey", "--retries", "-2"}, {"test.obey", "--delay", "5"}, {"test.obey", "--delay", "-5s"}, {"test.obey", "--at", "noon"},
		{"test.obey", "--delay", "1s", "--at", "2030-01-01T00:00:00Z"}, {"test.obey", "--encoding", "rot13"}, {"test.obey", "--id", "bad id"},
		{"test.obey", "--queue", "bad queue"}, {"test.obey", "--header", "novalue"}, {"test.obey", "--set", "novalue"},
		{"test.obey", "{}", "--set", "a=1"}, {"test.obey", "--soft-limit", "2s", "--hard-limit", "1s"}, {"test.obeyy"}, {"test.obey", "{}", "{}"},
		{"test.obey", `{"n": "` + strings.Repeat("x", 2<<20) + `"}`},
	} {
		_, stderr := w.stem(exitUsage, append([]string{"enqueue"}, args...)...)
		if !strings.HasPrefix(stderr, "stem: ") || strings.ContainsRune(stderr, '\x1b') {
			t.Errorf("enqueue %.60q: %.300q", args, stderr)
		}
	}
	if out, _ := w.stem(exitOK, "task", "ls", "-o", "name"); out != "first\n" {
		t.Errorf("something was stored: %q", out)
	}
}

func TestEnqueueStream(t *testing.T) {
	w := newWorkplace(t)
	in := `{"task": "test.obey", "id": "a", "priority": 7, "args": {"n": 1}}

{"task": "test.obey", "id": "b", "priority": "0", "delay": "1h"}
not json
{"task": "test.obey", "id": "c", "surprise": 1}
{"task": "test.obey", "id": "d", "retries": -1}
{"task": "test.obey", "id": "e"}`
	out, stderr := w.stemWith(in, 0, exitPartial, "enqueue", "--stdin")
	if out != "a\nb\ne\n" {
		t.Errorf("stdout %q", out)
	}
	for _, want := range []string{"line 4:", "line 5:", "line 6:", "3 of 6 lines"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not in %q", want, stderr)
		}
	}
	out, _ = w.stemWith(`{"task": "test.obey", "id": "f"}`, 0, exitOK, "enqueue", "--stdin", "-o", "json")
	if !strings.Contains(out, `"status":"accepted"`) {
		t.Errorf("got %q", out)
	}
	w.stemWith("nope\nnope\n{}\n", 0, exitPartial, "enqueue", "--stdin", "--max-errors", "2")
	w.stemWith(`{"task": "test.obey", "id": "dry"}`, 0, exitOK, "enqueue", "--stdin", "--dry-run")
	w.stem(exitNegative, "task", "show", "dry")
}

func TestCancel(t *testing.T) {
	w := newWorkplace(t)
	w.stem(exitOK, "enqueue", "test.obey", "--id", "t1")
	w.stem(exitOK, "enqueue", "test.obey", "--id", "t2")
	out, _ := w.stem(exitOK, "task", "cancel", "t1", "--dry-run")
	if !strings.Contains(out, "would be cancelled") {
		t.Errorf("dry run: %q", out)
	}
	_, stderr := w.stem(exitUsage, "task", "cancel", "t1", "t2")
	if !strings.Contains(stderr, "--yes") {
		t.Errorf("without a terminal: %q", stderr)
	}
	w.stem(exitOK, "task", "cancel", "t1", "--reason", "wrong customer")
	if out, _ = w.stem(exitOK, "task", "explain", "t1"); !strings.Contains(out, "wrong customer") {
		t.Errorf("explain: %q", out)
	}
	if out, _ = w.stem(exitPartial, "task", "cancel", "t1", "nobody", "--yes"); !strings.Contains(out, "had ended") || !strings.Contains(out, "unknown") {
		t.Errorf("again: %q", out)
	}
	w.stem(exitNegative, "task", "cancel", "nobody")
	w.stem(exitOK, "task", "cancel", "future", "--remember", "1h")
	w.stem(exitOK, "enqueue", "test.obey", "--id", "future")
	w.work()
	if out, _ = w.stem(exitOK, "task", "ls", "--state", "cancelled", "-o", "name"); !strings.Contains(out, "future") || !strings.Contains(out, "t1") {
		t.Errorf("cancelled: %q", out)
	}
}

func TestDeadLettersFromTheCommandLine(t *testing.T) {
	w := newWorkplace(t)
	w.dead(30)
	if n := w.deadCount(); n != 30 {
		t.Fatalf("%d dead letters", n)
	}
	if out, _ := w.stem(exitOK, "dlq", "ls", "--cause", "hard-limit", "-o", "json"); !strings.Contains(out, `"items": []`) {
		t.Errorf("a filter that fits nothing: %q", out)
	}
	w.stem(exitUsage, "dlq", "replay")                          // everything is never meant by accident
	w.stem(exitUsage, "dlq", "replay", "--all", "--queue", "x") // which one?
	w.stem(exitUsage, "dlq", "purge", "--queue", "default")     // no terminal, no --yes
	w.stem(exitUsage, "dlq", "replay", "--all", "--rate", "-1")
	w.stem(exitUsage, "dlq", "replay", "--all", "--limit", "-1")
	w.stem(exitUsage, "dlq", "ls", "--since", "yesterday-ish")
	w.stemWith("\n", 100, exitNegative, "dlq", "purge", "--all")  // Enter is no
	w.stemWith("y\n", 100, exitNegative, "dlq", "purge", "--all") // a habit of typing y neither
	if n := w.deadCount(); n != 30 {
		t.Fatalf("something was changed: %d left", n)
	}
	out, _ := w.stem(exitOK, "dlq", "replay", "--all", "--dry-run", "-o", "json")
	if !strings.Contains(out, `"matched": 30`) || !strings.Contains(out, `"dryRun": true`) || w.deadCount() != 30 {
		t.Errorf("dry run: %s", out)
	}
	out, _ = w.stem(exitOK, "dlq", "replay", "--queue", "default", "--limit", "10", "--yes")
	if out != "replayed 10 of 30, 20 left\n" {
		t.Errorf("limited: %q", out)
	}
	w.stemWith("20\n", 100, exitOK, "dlq", "replay", "--all") // the count, typed
	if n := w.deadCount(); n != 0 {
		t.Errorf("%d left", n)
	}
	w.work()
	if n := w.deadCount(); n != 30 {
		t.Errorf("they fail again: %d", n)
	}
	out, _ = w.stem(exitOK, "dlq", "purge", "dead-000", "dead-001", "--yes")
	if out != "purged 2 of 2\n" || w.deadCount() != 28 {
		t.Errorf("purge: %q", out)
	}
}

func TestDeadLetterExport(t *testing.T) {
	w := newWorkplace(t)
	w.dead(3)
	out, _ := w.stem(exitOK, "dlq", "export")
	var first struct {
		ID       string
		Envelope struct{ Name string }
		Failure  struct{ Message string }
	}
	line, _, _ := strings.Cut(out, "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil || !strings.HasPrefix(first.ID, "dead-00") || first.Envelope.Name != "test.obey" || first.Failure.Message != "told to" {
		t.Errorf("%s (%v)", line, err)
	}
	w.stem(exitOK, "dlq", "export", "--file", "dead.jsonl")
	_, stderr := w.stem(exitUsage, "dlq", "export", "--file", "dead.jsonl")
	if raw, _ := os.ReadFile("dead.jsonl"); strings.Count(string(raw), "\n") != 3 || !strings.Contains(stderr, "exists") {
		t.Errorf("file %q, second try %q", raw, stderr)
	}
}

func TestTaskRetry(t *testing.T) {
	w := newWorkplace(t)
	w.dead(1)
	w.stem(exitOK, "enqueue", "test.obey", "--id", "fine")
	_, stderr := w.stem(exitNegative, "task", "retry", "dead-000", "fine")
	if !strings.Contains(stderr, "has not failed") || w.deadCount() != 1 {
		t.Errorf("got %q, or something was retried", stderr)
	}
	w.stem(exitOK, "task", "retry", "dead-000")
	if n := w.deadCount(); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

func TestQueueCommands(t *testing.T) {
	w := newWorkplace(t)
	for i := range 5 {
		w.stem(exitOK, "enqueue", "test.obey", "--id", fmt.Sprint("t", i))
	}
	out, _ := w.stemWith("", 100, exitOK, "queue", "ls")
	if !strings.Contains(out, "default") || !strings.Contains(out, "READY") {
		t.Errorf("got %q", out)
	}
	_, stderr := w.stem(exitNegative, "queue", "show", "defualt")
	if !strings.Contains(stderr, "did you mean: default") {
		t.Errorf("got %q", stderr)
	}
	w.stem(exitUsage, "queue", "purge", "default")
	w.stemWith("y\n", 100, exitNegative, "queue", "purge", "default")
	out, _ = w.stem(exitOK, "queue", "purge", "default", "--yes")
	if !strings.Contains(out, "cancelled 5 of 5") {
		t.Errorf("got %q", out)
	}
}

func TestTaskLsPages(t *testing.T) {
	w := newWorkplace(t)
	w.dead(2)
	for i := range 7 {
		w.stem(exitOK, "enqueue", "test.obey", "--id", fmt.Sprint("t", i))
	}
	seen := map[string]int{}
	cursor := ""
	for range 20 {
		out, _ := w.stem(exitOK, "task", "ls", "--limit", "2", "--cursor", cursor, "-o", "json")
		var doc struct {
			Items      []struct{ ID string }
			NextCursor string
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		for _, x := range doc.Items {
			seen[x.ID]++
		}
		if cursor = doc.NextCursor; cursor == "" {
			break
		}
	}
	if len(seen) != 9 || cursor != "" {
		t.Errorf("%d tasks seen, cursor %q", len(seen), cursor)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s seen %d times", id, n)
		}
	}
	w.stem(exitUsage, "task", "ls", "--cursor", "made-up")
	w.stem(exitUsage, "task", "ls", "--state", "happy")
	w.stem(exitUsage, "task", "ls", "--limit", "0")
}

// TestErrorNamesItsOrigin is the form every error has.
func TestErrorNamesItsOrigin(t *testing.T) {
	w := newWorkplace(t)
	if err := os.WriteFile("stem.yaml", []byte("# the store\nstore: sqlite:damaged.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("damaged.db", []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr := w.stem(exitUnavailable, "queue", "ls")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "stem: cannot open store sqlite:") ||
		!strings.HasPrefix(lines[1], "  from:  store in ") || !strings.HasSuffix(lines[1], "stem.yaml:2") || !strings.HasPrefix(lines[2], "  hint:  ") {
		t.Errorf("got:\n%s", stderr)
	}
}

func TestConfigMistakesNameTheLine(t *testing.T) {
	w := newWorkplace(t)
	if err := os.WriteFile("stem.yaml", []byte("worker:\n  concurency: 3\ntasks:\n  a: {exec: [true], limits: {hard: 5}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr := w.stem(exitConfig, "config", "check")
	for _, want := range []string{"stem.yaml:2", "concurency", "concurrency", "stem.yaml:4", "stem help configuration"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not in:\n%s", want, stderr)
		}
	}
}

func TestConfigShowOrigin(t *testing.T) {
	w := newWorkplace(t)
	if err := os.WriteFile("stem.yaml", []byte("store: redis://user:secret@host:6379\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := w.stem(exitOK, "config", "show", "--origin")
	if strings.Contains(out, "secret") || !strings.Contains(out, "stem.yaml:1") {
		t.Errorf("got:\n%s", out)
	}
	_, stderr := w.stem(exitUsage, "queue", "ls")
	if strings.Contains(stderr, "secret") || !strings.Contains(stderr, "sqlite") {
		t.Errorf("got %q", stderr)
	}
	if out, _ = w.stem(exitOK, "config", "path"); !strings.HasSuffix(out, "stem.yaml\n") {
		t.Errorf("got %q", out)
	}
}

func TestHealth(t *testing.T) {
	w := newWorkplace(t)
	w.stem(exitUnavailable, "health") // there is no store: a mistyped path is not healthy
	w.stem(exitOK, "enqueue", "test.obey", "--id", "t1")
	w.stem(exitOK, "task", "cancel", "t1")
	out, _ := w.stem(exitOK, "health")
	if !strings.Contains(out, "store\tok") || !strings.Contains(out, "workers\twarn") {
		t.Errorf("got %q", out)
	}
	w.stem(exitOK, "enqueue", "test.obey")
	if out, _ = w.stem(exitNegative, "health"); !strings.Contains(out, "no worker serves it") {
		t.Errorf("got %q", out)
	}
}

func TestEveryListInEveryFormat(t *testing.T) {
	w := newWorkplace(t)
	w.dead(2)
	w.stem(exitOK, "enqueue", "test.obey")
	for _, command := range []string{"task ls", "task types", "queue ls", "dlq ls", "worker ls", "health", "config show"} {
		for _, format := range []string{"", "table", "wide", "json", "jsonl", "yaml", "name", "none"} {
			for _, width := range []int{0, 50, 80, 200} {
				var out, errs bytes.Buffer
				con := &console.Console{In: strings.NewReader(""), Out: &out, Err: &errs, OutTTY: width > 0, Width: width, Env: func(string) string { return "" }}
				args := append(strings.Fields(command), "-o", format)
				code := Main(Options{Args: args, Console: con, Stem: []stem.Option{stem.With(obey)}})
				if code != exitOK && command != "health" {
					t.Errorf("%v at %d: exit %d: %s", args, width, code, &errs)
				}
				check(t, strings.Join(args, " "), format, width, out.String())
			}
		}
	}
}

var paint = regexp.MustCompile("\x1b\\[[0-9;]*m")

func check(t *testing.T, command, format string, width int, out string) {
	t.Helper()
	switch {
	case format == "none" && out != "":
		t.Errorf("%s printed %q", command, out)
	case format == "json" && !json.Valid([]byte(out)):
		t.Errorf("%s: not JSON: %q", command, out)
	case format == "jsonl":
		for line := range strings.Lines(out) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: not JSON: %q", command, line)
			}
		}
	case width == 0 && (strings.Contains(out, "\x1b") || strings.Contains(out, "…")):
		t.Errorf("%s: painted or cut in a pipe: %q", command, out)
	case width > 0 && (format == "" || format == "table"):
		for line := range strings.Lines(out) {
			if n := console.TextWidth(paint.ReplaceAllString(strings.TrimSuffix(line, "\n"), "")); n > width {
				t.Errorf("%s: %d columns on %d: %q", command, n, width, line)
			}
		}
	}
}

// TestLookingCreatesNothing: a command that only looks at a store never makes
// one, and a store that ends with the command is refused.
func TestLookingCreatesNothing(t *testing.T) {
	w := newWorkplace(t)
	for _, args := range [][]string{
		{"task", "ls"}, {"task", "show", "x"}, {"task", "cancel", "x"}, {"queue", "ls"}, {"queue", "purge", "x", "--yes"},
		{"dlq", "ls"}, {"dlq", "replay", "--all", "--yes"}, {"health"}, {"worker", "ls"}, {"worker", "ping"},
	} {
		w.stem(exitUnavailable, append(args, "--store", "sqlite:typo/x.db")...)
	}
	if _, err := os.Stat("typo"); !os.IsNotExist(err) {
		t.Errorf("something was created: %v", err)
	}
	_, stderr := w.stem(exitUsage, "enqueue", "test.obey", "--store", "memory:")
	if !strings.Contains(stderr, "ends with this command") {
		t.Errorf("got %q", stderr)
	}
}

func TestEnqueueTellsWhatWasThereAlready(t *testing.T) {
	w := newWorkplace(t)
	w.stem(exitOK, "enqueue", "test.obey", "--id", "t1")
	out, stderr := w.stem(exitOK, "enqueue", "test.obey", "--id", "t1")
	if out != "t1\n" || !strings.Contains(stderr, "exists already, queued") {
		t.Errorf("stdout %q, stderr %q", out, stderr)
	}
	_, stderr = w.stem(exitNegative, "enqueue", "other.task", "--id", "t1", "--force")
	if !strings.Contains(stderr, "it is a test.obey") {
		t.Errorf("another task: %q", stderr)
	}
	w.stem(exitUsage, "enqueue", "test.obey", "--id", "")
	_, stderr = w.stemWith(`{"task": "test.obey", "id": "t1"}`+"\n"+`{"task": "test.obeyy"}`+"\n", 0, exitPartial, "enqueue", "--stdin")
	if !strings.Contains(stderr, "1 of 2 tasks existed already") || !strings.Contains(stderr, "line 2:") {
		t.Errorf("stream: %q", stderr)
	}
}

func TestDeadLettersThatAreNotThere(t *testing.T) {
	w := newWorkplace(t)
	w.dead(1)
	for _, verb := range []string{"replay", "purge", "export"} {
		_, stderr := w.stem(exitNegative, "dlq", verb, "dead-000", "nobody")
		if !strings.Contains(stderr, "nobody") || w.deadCount() != 1 {
			t.Errorf("%s: %q, or something was changed", verb, stderr)
		}
	}
}
