package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/demo"
	"github.com/stem-jobs/stem/pkg/runtime"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
	"github.com/stem-jobs/stem/pkg/stem"
)

// goTree writes a tree of n packages and returns its root.
func goTree(t *testing.T, n int) string {
	t.Helper()
	root, err := demo.Resolve(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("p%03d", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("// Package p%d is one of many.\npackage p%d\n\nimport \"fmt\"\n\n", i, i)
		for j := range i%7 + 1 {
			text += fmt.Sprintf("type T%d int\n\nfunc (t T%d) Print() { fmt.Println(t) }\n\n", j, j)
		}
		if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// countTree counts without stem: all but the tasks that fail on purpose.
func countTree(t *testing.T, root string) (sum demo.Counts, failing, stumbling int) {
	t.Helper()
	dirs, err := demo.Directories(t.Context(), root, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, dir := range dirs {
		switch demo.TroubleOf(i, len(dirs)) {
		case demo.Fail:
			failing++
			continue
		case demo.Stumble:
			stumbling++
		}
		counts, err := demo.CountDir(t.Context(), root, dir)
		if err != nil {
			t.Fatal(err)
		}
		sum.Add(counts)
	}
	return sum, failing, stumbling
}

// runDemo runs a command that prints a summary as JSON.
func runDemo(t *testing.T, args ...string) (demoView, string, int) {
	t.Helper()
	stdout, stderr, code := run(t, "", append(args, "-o", "json")...)
	var v demoView
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatalf("stem %q: exit %d, stdout %q, stderr %q: %v", args, code, stdout, stderr, err)
	}
	return v, stderr, code
}

// runWith runs a command with tasks or middleware of the test, and with a
// context that the test may end, as Ctrl-C does.
func runWith(ctx context.Context, opts []stem.Option, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	a := &app{
		console: &console.Console{In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" }},
		options: Options{Stem: opts},
	}
	a.printer = newPrinter(a.console, nil)
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	err = errors.Join(err, a.close())
	report(&errs, err, a.printer.Structured(), false)
	return out.String(), errs.String(), exitCode(err)
}

// afterTasks calls f in the n-th execution of a task.
func afterTasks(n int64, f func()) stem.Option {
	var count atomic.Int64
	return stem.WithMiddleware(runtime.Middleware{
		Execute: func(ctx context.Context, t *runtime.Task, next runtime.HandlerFunc) (json.RawMessage, error) {
			if count.Add(1) == n {
				f()
			}
			return next(ctx, t)
		},
	})
}

func TestDemoCountsATree(t *testing.T) {
	defer goleak.VerifyNone(t)
	root := goTree(t, 45)
	want, failing, stumbling := countTree(t, root)
	t.Chdir(t.TempDir())

	v, stderr, code := runDemo(t, "demo", "--dir", root)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if v.Directories != 45 || v.Dead != failing || v.Succeeded != 45-failing || v.Waiting != 0 || v.Retried != stumbling {
		t.Errorf("ledger: %+v; want %d dead and %d retried of 45", v, failing, stumbling)
	}
	if failing != 1 || stumbling == 0 {
		t.Errorf("%d fail and %d stumble: the tree shows too little", failing, stumbling)
	}
	if v.Counts != want {
		t.Errorf("got  %+v\nwant %+v", v.Counts, want)
	}
	if len(v.Largest) != 10 || v.Largest[0].Lines < v.Largest[9].Lines || v.Tree != root || v.TasksPerSecond <= 0 {
		t.Errorf("got %+v", v)
	}
	if _, err := os.Stat(filepath.Join(".stem", "stem.db")); err != nil {
		t.Error("the default store was not used:", err)
	}
}

// TestDemoNextCommandsWork runs what the demo prints, word by word.
func TestDemoNextCommandsWork(t *testing.T) {
	for name, args := range map[string][]string{"default store": nil, "chosen store": {"--store", "a store.db"}} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			root := goTree(t, 50)
			t.Chdir(t.TempDir())
			first, _, _ := runDemo(t, append([]string{"demo", "--dir", root}, args...)...)
			if len(first.Next) != 6 {
				t.Fatalf("next: %q", first.Next)
			}
			for _, line := range first.Next {
				words := shellWords(strings.TrimPrefix(line, program()))
				stdout, stderr, code := run(t, "", words...)
				if code != exitOK || stdout == "" {
					t.Errorf("%s: exit %d, %q, %q", line, code, stdout, stderr)
				}
			}
			again, stderr, code := runDemo(t, append([]string{"demo", "--continue"}, args...)...)
			if code != exitOK || again.Directories != 0 {
				t.Errorf("something is left: exit %d, %+v, %s", code, again, stderr)
			}
			stdout, _, _ := run(t, "", append([]string{"queue", "ls", "-o", "json", "--jq", ".items[] | [.queue, .dead, .succeeded]"}, args...)...)
			if stdout != `["demo",0,50]`+"\n" {
				t.Errorf("the store says %s", stdout)
			}
		})
	}
}

func TestDemoInterrupted(t *testing.T) {
	defer goleak.VerifyNone(t)
	root := goTree(t, 120)
	t.Chdir(t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	stdout, stderr, code := runWith(ctx, []stem.Option{afterTasks(20, interrupt)}, "demo", "--dir", root, "--concurrency", "2", "-o", "json")
	var v demoView
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatalf("exit %d, %q, %q: %v", code, stdout, stderr, err)
	}
	ended := v.Succeeded + v.Dead
	if code != exitInterrupted || !v.Interrupted || v.Directories != 120 || ended+v.Waiting != 120 {
		t.Fatalf("exit %d, %+v", code, v)
	}
	if ended < 18 || ended > 40 {
		t.Errorf("%d of 120 ended, though it was interrupted at the 20th", ended)
	}
	if !strings.Contains(stderr, "stopping") || !strings.Contains(stderr, fmt.Sprintf("%d tasks wait", v.Waiting)) {
		t.Errorf("told: %s", stderr)
	}

	second, stderr, code := runDemo(t, "demo", "--dir", root, "--limit", "10")
	if code != exitOK || second.Run == v.Run || second.Succeeded+second.Dead != 10 {
		t.Errorf("the next run: exit %d, %+v", code, second)
	}
	if !strings.Contains(stderr, fmt.Sprintf("%d tasks of an earlier run", v.Waiting)) {
		t.Errorf("the next run told: %s", stderr)
	}
	if _, _, code = runDemo(t, "demo", "--continue"); code != exitOK {
		t.Errorf("continue: exit %d", code)
	}
	stdout, _, _ = run(t, "", "queue", "ls", "-o", "json", "--jq", ".items[] | .ready + .delayed + .leased, .succeeded + .dead")
	if stdout != "0\n130\n" {
		t.Errorf("the store says %q, want nothing left and 130 ended", stdout)
	}
}

func TestDemoLeavesConfiguredStoresAlone(t *testing.T) {
	root := goTree(t, 3)
	t.Run("variable", func(t *testing.T) {
		t.Chdir(t.TempDir())
		t.Setenv("STEM_STORE", "sqlite:mine.db")
		v, stderr, code := runDemo(t, "demo", "--dir", root)
		file := filepath.Join(".stem", "demo.db")
		if code != exitOK || !strings.Contains(stderr, "STEM_STORE") {
			t.Errorf("exit %d, %s", code, stderr)
		}
		for _, line := range v.Next {
			if !strings.HasSuffix(line, " --store "+file) {
				t.Errorf("%q does not say where", line)
			}
		}
		if _, err := os.Stat("mine.db"); err == nil {
			t.Error("the configured store was touched")
		}
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	})
	t.Run("file above", func(t *testing.T) {
		dir := t.TempDir()
		below := filepath.Join(dir, "below")
		if err := os.Mkdir(below, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "stem.yaml"), []byte("store: sqlite:mine.db\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Chdir(below)
		v, _, code := runDemo(t, "demo", "--dir", root)
		if want := " --store " + filepath.Join("..", ".stem", "demo.db"); code != exitOK || !strings.HasSuffix(v.Next[0], want) {
			t.Errorf("exit %d, next %q, want %q in it", code, v.Next, want)
		}
	})
}

func TestDemoRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]int{
		"demo --continue --limit 3": exitUsage,
		"demo --continue --dir .":   exitUsage,
		"demo --limit -1":           exitUsage,
		"demo --concurrency -1":     exitUsage,
		"demo --dir nowhere":        exitUsage,
		"demo --dir empty":          exitNegative,
		"demo extra":                exitUsage,
	} {
		_, stderr, code := run(t, "", strings.Fields(args)...)
		if code != want || !strings.Contains(stderr, "hint:") && args != "demo --limit -1" && args != "demo --concurrency -1" {
			t.Errorf("stem %s: exit %d, want %d; %q", args, code, want, stderr)
		}
	}
	if _, err := os.Stat(".stem"); err == nil {
		t.Error("a store was created")
	}
}

func TestDemoDryRun(t *testing.T) {
	root := goTree(t, 7)
	t.Chdir(t.TempDir())
	v, _, code := runDemo(t, "demo", "--dir", root, "--dry-run")
	if code != exitOK || !v.DryRun || v.Directories != 7 || v.Waiting != 7 || v.Succeeded != 0 {
		t.Errorf("exit %d, %+v", code, v)
	}
	if _, err := os.Stat(".stem"); err == nil {
		t.Error("a store was created")
	}
}

func TestDemoOutput(t *testing.T) {
	root := goTree(t, 12)
	t.Chdir(t.TempDir())

	stdout, stderr, code := run(t, "", "demo", "--dir", root)
	if code != exitOK || strings.ContainsAny(stdout+stderr, "\x1b\r") {
		t.Errorf("in a pipe: exit %d, %q, %q", code, stdout, stderr)
	}
	if !strings.Contains(stdout, "directories\t12\n") || !strings.Contains(stdout, "p006\t") || !strings.Contains(stderr, "queue ls") {
		t.Errorf("in a pipe: %q, %q", stdout, stderr)
	}
	stdout, stderr, _ = run(t, "", "demo", "--dir", root, "-q")
	if stdout == "" || stderr != "" {
		t.Errorf("quiet: %q, %q", stdout, stderr)
	}
	stdout, stderr, _ = run(t, "", "demo", "--continue")
	if stdout != "" || !strings.Contains(stderr, "nothing waits") {
		t.Errorf("nothing to continue: %q, %q", stdout, stderr)
	}

	var out, errs bytes.Buffer
	con := &console.Console{In: strings.NewReader(""), Out: &out, Err: &errs, OutTTY: true, ErrTTY: true, Width: 70, Env: func(string) string { return "" }}
	if code := Main(Options{Args: []string{"demo", "--dir", root, "--no-color"}, Console: con}); code != exitOK {
		t.Errorf("on a terminal: exit %d, %s", code, errs.String())
	}
	for line := range strings.Lines(out.String()) {
		if w := console.TextWidth(strings.TrimSuffix(line, "\n")); w > 70 && !strings.HasPrefix(line, "store") && !strings.HasPrefix(line, "tree") {
			t.Errorf("%d columns: %q", w, line)
		}
	}
	if !strings.Contains(out.String(), "LARGEST") || !strings.Contains(errs.String(), "12/12") {
		t.Errorf("on a terminal: %q, %q", out.String(), errs.String())
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 1000005: "1,000,005", -4321: "-4,321"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
}
