package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/control"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/config"
)

func TestInitWritesOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	stdout, stderr, code := run(t, "", "init")
	if code != exitOK || stdout != "wrote stem.yaml\n" {
		t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
	}
	for _, want := range []string{"Next", "config check\n", "up\n", `enqueue hello '{"name": "Ada"}' --wait` + "\n"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is missing in %q", want, stderr)
		}
	}
	if err := os.WriteFile("stem.yaml", []byte("store: memory:\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stderr, code = run(t, "", "init")
	if code != exitNegative || !strings.Contains(stderr, "--force") {
		t.Errorf("a second time: exit %d, %q", code, stderr)
	}
	mustHold(t, "stem.yaml", "store: memory:\n")

	if _, _, code = run(t, "", "init", "--force"); code != exitOK {
		t.Errorf("--force: exit %d", code)
	}
	mustHold(t, "stem.yaml", config.Starter())
	entries, err := os.ReadDir(".")
	if err != nil || len(entries) != 1 {
		t.Errorf("drafts are left: %v, %v", entries, err)
	}
}

func mustHold(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, want)
	}
}

func TestInitDryRun(t *testing.T) {
	t.Chdir(t.TempDir())
	stdout, _, code := run(t, "", "init", "--dry-run")
	if code != exitOK || stdout != config.Starter() {
		t.Errorf("exit %d, %q", code, stdout)
	}
	stdout, _, _ = run(t, "", "init", "--dry-run", "-o", "json")
	var v initView
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || !v.DryRun || v.Content != config.Starter() || len(v.Next) != 3 {
		t.Errorf("%v, %+v", err, v)
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 0 {
		t.Errorf("it wrote %v, %v", entries, err)
	}
}

// TestInitNextCommandsWork runs what init prints, word by word.
func TestInitNextCommandsWork(t *testing.T) {
	for name, dir := range map[string]string{"here": ".", "there": "some where"} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			stdout, stderr, code := run(t, "", "init", "--dir", dir, "-o", "json")
			var v initView
			if err := json.Unmarshal([]byte(stdout), &v); err != nil || code != exitOK {
				t.Fatalf("exit %d, %q, %v", code, stderr, err)
			}
			mustHold(t, filepath.Join(dir, "stem.yaml"), config.Starter())
			stop := startUp(t, filepath.Join(dir, ".stem", "stem.db"), wordsOf(t, v.Next[1])...)
			defer stop()
			for _, line := range []string{v.Next[0], v.Next[2]} {
				stdout, stderr, code := run(t, "", wordsOf(t, line)...)
				if code != exitOK || strings.Contains(line, "enqueue") && stdout != `{"name":"Ada"}`+"\n" {
					t.Errorf("%s: exit %d, %q, %q", line, code, stdout, stderr)
				}
			}
		})
	}
}

// wordsOf are the arguments of a printed command.
func wordsOf(t *testing.T, line string) []string {
	t.Helper()
	rest, ok := strings.CutPrefix(line, program()+" ")
	if !ok {
		t.Fatalf("%q does not begin with %q", line, program())
	}
	return shellWords(rest)
}

// startUp runs `stem up` until stop is called, which holds that it ends well.
func startUp(t *testing.T, store string, args ...string) (stop func()) {
	t.Helper()
	b, err := runtime.Open(t.Context(), store, runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() {
		if _, stderr, code := runWith(context.Background(), nil, args...); code != exitOK {
			ended <- stderr
		}
		close(ended)
	}()
	return func() {
		defer b.Close()
		reply, err := control.Send(context.Background(), b, runtime.Command{Type: runtime.CommandShutdown, By: "test"}, 1, 10*time.Second)
		if err != nil || len(reply) != 1 {
			t.Fatalf("the worker did not hear that it has to stop: %v, %v", reply, err)
		}
		if stderr := <-ended; stderr != "" {
			t.Errorf("stem %q: %s", args, stderr)
		}
	}
}
