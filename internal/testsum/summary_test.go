package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	passing = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter of a passing test\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`
	failing = `{"Action":"run","Package":"q","Test":"TestB"}
{"Action":"output","Package":"q","Test":"TestB","Output":"    b_test.go:7: got 1, want 2\n"}
{"Action":"fail","Package":"q","Test":"TestB"}
{"Action":"output","Package":"q","Output":"FAIL\tq\t0.1s\n"}
{"Action":"fail","Package":"q"}
`
	skipping = `{"Action":"run","Package":"r","Test":"TestC"}
{"Action":"output","Package":"r","Test":"TestC","Output":"    c_test.go:3: no such port\n"}
{"Action":"output","Package":"r","Test":"TestC","Output":"--- SKIP: TestC (0.00s)\n"}
{"Action":"skip","Package":"r","Test":"TestC"}
`
	unbuilt = `{"ImportPath":"s","Action":"build-output","Output":"s.go:1:1: expected 'package'\n"}
{"ImportPath":"s","Action":"build-fail"}
{"Action":"start","Package":"s"}
{"Action":"output","Package":"s","Output":"FAIL\ts [build failed]\n"}
{"Action":"fail","Package":"s","FailedBuild":"s"}
`
	hung = `{"Action":"run","Package":"t","Test":"TestD"}
{"Action":"output","Package":"t","Test":"TestD","Output":"panic: test timed out\n"}
{"Action":"output","Package":"t","Output":"FAIL\tt\t9s\n"}
{"Action":"fail","Package":"t"}
`
	leaking = `{"Action":"run","Package":"u","Test":"TestE"}
{"Action":"pass","Package":"u","Test":"TestE"}
{"Action":"output","Package":"u","Output":"goleak: found unexpected goroutines\n"}
{"Action":"output","Package":"u","Output":"FAIL\tu\t1s\n"}
{"Action":"fail","Package":"u"}
`
)

func TestRun(t *testing.T) {
	tests := []struct {
		name    string
		in      string
		counts  string
		err     string
		shows   []string
		conceal string
	}{
		{"passes", passing, "1 0 0", "", []string{"ok  \tp\t0.1s"}, "chatter"},
		{"shows why a test failed", passing + failing, "1 1 0", "1 failed", []string{"got 1, want 2", "FAIL\tq"}, "chatter"},
		{"shows why a test was skipped", passing + skipping, "1 0 1", "", []string{"skip r TestC: c_test.go:3: no such port"}, ""},
		{"counts a package that does not build", passing + unbuilt, "1 1 0", "1 failed", []string{"expected 'package'"}, ""},
		{"counts a test that never ended", hung, "0 1 0", "1 failed", []string{"timed out"}, ""},
		{"counts a leak found after the tests", leaking, "1 1 0", "1 failed", []string{"goleak"}, ""},
		{"refuses a run without tests", `{"Action":"pass","Package":"p"}`, "0 0 0", "no test ran", nil, ""},
		{"refuses skipped tests alone", skipping, "0 0 1", "no test ran", nil, ""},
		{"passes on what is no event", "go: updates to go.mod needed\n" + passing, "1 0 0", "", []string{"updates to go.mod"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			counts := filepath.Join(t.TempDir(), "counts")
			var out strings.Builder
			err := run(strings.NewReader(tt.in), &out, counts, "")
			if got := errText(err); got != tt.err {
				t.Errorf("error %q, want %q", got, tt.err)
			}
			if got := contents(t, counts); got != tt.counts+"\n" {
				t.Errorf("counts %q, want %q", got, tt.counts)
			}
			for _, want := range tt.shows {
				if !strings.Contains(out.String(), want) {
					t.Errorf("output lacks %q:\n%s", want, out.String())
				}
			}
			if tt.conceal != "" && strings.Contains(out.String(), tt.conceal) {
				t.Errorf("output of a passing test is shown:\n%s", out.String())
			}
		})
	}
}

// Several runs share the files, one after another: the closing figures are their sums.
func TestRunAppends(t *testing.T) {
	dir := t.TempDir()
	counts, lines := filepath.Join(dir, "counts"), filepath.Join(dir, "lines")
	for _, in := range []string{passing, failing} {
		run(strings.NewReader(in), &strings.Builder{}, counts, lines) //nolint:errcheck // the second run fails by design; the files are what is tested
	}
	if got, want := contents(t, counts), "1 0 0\n0 1 0\n"; got != want {
		t.Errorf("counts %q, want %q", got, want)
	}
	if got, want := contents(t, lines), "ok  \tp\t0.1s\nFAIL\tq\t0.1s\n"; got != want {
		t.Errorf("lines %q, want %q", got, want)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func contents(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
