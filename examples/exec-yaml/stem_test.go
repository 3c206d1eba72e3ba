//go:build unix

package execyaml

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/examples/internal/drive"
)

// stem is a worker of this directory's tasks and a place for commands.
func stem(t *testing.T) *drive.Program {
	t.Helper()
	config, err := filepath.Abs("stem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := drive.Build(t, "github.com/stem-jobs/stem/cmd/stem", "STEM_CONFIG="+config)
	p.Start("up")
	return p
}

// texts makes a directory of files with their names for a first word.
func texts(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// task is what `stem task show -o json` tells.
type task struct {
	State, Reason, Error, Log string
	Attempt                   int
	Percent                   float64
	Progress                  struct{ File string }
	Result                    json.RawMessage
}

func show(t *testing.T, p *drive.Program, id string) task {
	t.Helper()
	var got task
	if err := json.Unmarshal([]byte(p.Run("task", "show", id, "-o", "json")), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestShell(t *testing.T) {
	p := stem(t)
	dir := texts(t, map[string]string{"a.txt": "one two three", "busy.txt": "one", "busy.txt.lock": ""})

	if got := p.Run("enqueue", "text.count", "--set", "path="+dir+"/a.txt", "--id", "a", "--wait"); got != "3\n" {
		t.Errorf("words: %q", got)
	}
	if a := show(t, p, "a"); a.Percent != 50 || a.Attempt != 0 {
		t.Errorf("progress %v, attempt %d", a.Percent, a.Attempt)
	}

	p.Run("enqueue", "text.count", "--set", "path="+dir+"/busy.txt", "--id", "busy", "--wait")
	if busy := show(t, p, "busy"); string(busy.Result) != "1" || busy.Attempt != 1 {
		t.Errorf("after a retry: %s, attempt %d", busy.Result, busy.Attempt)
	}

	_, stderr, code := p.Try("enqueue", "text.count", "--set", "path="+dir+"/none.txt", "--id", "none", "--wait")
	if code != 1 || !strings.Contains(stderr, "there is no file") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	none := show(t, p, "none")
	if none.State != "failed" || none.Reason != "permanent-error" || none.Attempt != 0 || !strings.Contains(none.Log, "none.txt") {
		t.Errorf("a file that is not there: %+v", none)
	}
}

func TestPython(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("this example is in Python: ", err)
	}
	p := stem(t)
	dir := texts(t, map[string]string{"a.txt": "one two three", "b.txt": "four", "c.png": "no text"})

	var index struct {
		Files int
		Tasks []string
	}
	out := p.Run("enqueue", "text.index", "--set", "dir="+dir, "--id", "all", "--wait")
	if err := json.Unmarshal([]byte(out), &index); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if index.Files != 2 || len(index.Tasks) != 2 {
		t.Fatalf("index: %+v", index)
	}
	all := show(t, p, "all")
	if all.Percent != 100 || all.Progress.File != "b.txt" {
		t.Errorf("progress %v %+v", all.Percent, all.Progress)
	}
	p.Run("task", "wait", index.Tasks[0], index.Tasks[1])
	for i, words := range []string{"3", "1"} {
		if child := show(t, p, index.Tasks[i]); string(child.Result) != words {
			t.Errorf("child %d: %+v", i, child)
		}
	}
}
