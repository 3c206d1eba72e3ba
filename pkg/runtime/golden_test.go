package runtime_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var update = flag.Bool("update", false, "write missing goldens; those that exist are frozen")

const goldens = "../../testdata/wire"

// Every envelope and record that any version of stem has written must decode
// for ever. The files are frozen: a change of format adds a directory.
func TestGoldenWire(t *testing.T) {
	if *update {
		writeGoldens(t)
	}
	decoders := map[string]func([]byte) (any, error){
		"envelope": func(b []byte) (any, error) {
			e := &runtime.Envelope{}
			return e, json.Unmarshal(b, e)
		},
		"record": func(b []byte) (any, error) {
			r, err := runtime.DecodeRecord(b)
			return &r, err
		},
	}
	files, err := filepath.Glob(goldens + "/v*/*.json")
	if err != nil || len(files) < 6 {
		t.Fatalf("found %d goldens: %v", len(files), err)
	}
	for _, file := range files {
		kind, _, _ := strings.Cut(filepath.Base(file), "-")
		t.Run(strings.TrimPrefix(file, goldens+"/"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decoders[kind](data)
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, file, got)
		})
	}
}

// sameJSON compares what was decoded, written by this version, with the file
// beside the golden that says what it must be.
func sameJSON(t *testing.T, golden string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(strings.TrimSuffix(golden, ".json") + ".decoded")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(want)) != string(got) {
		t.Errorf("decoded as\n%s\nwant\n%s", got, want)
	}
}

// writeGoldens adds what this version writes; it never touches a file that is
// there.
func writeGoldens(t *testing.T) {
	full, plain := fullEnvelope(), plainEnvelope()
	failed := runtime.Record{
		V: 1, Error: &runtime.TaskError{Type: "fs.PathError", Message: "open x: no such file", Stack: "main.go:1", Retryable: true},
		Log: "line 1\nline 2\n", StartedAt: full.EnqueuedAt, FinishedAt: full.NotBefore,
		Attempts: []runtime.AttemptRecord{{Attempt: 0, Worker: "w1", At: full.EnqueuedAt, DurationMs: 12, Type: "fs.PathError", Message: "open x"}},
	}
	succeeded := runtime.Record{V: 1, Payload: json.RawMessage(`{"files":3}`), Encoder: "json", FinishedAt: full.NotBefore}
	for name, v := range map[string]any{
		"envelope-plain": plain, "envelope-full": full, "record-failed": &failed, "record-succeeded": &succeeded,
	} {
		file := filepath.Join(goldens, "v1", name)
		if _, err := os.Stat(file + ".json"); err == nil {
			continue
		}
		wire, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		write(t, file+".json", wire)
		write(t, file+".decoded", decoded)
	}
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
