package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary be its own child process, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-child" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestSmoke measures everything once in tiny runs, in real child processes, and renders the page. It
// shows that each part works and that every ledger is exact; its figures mean nothing.
func TestSmoke(t *testing.T) {
	t.Parallel()
	p, err := options{quick: true, reps: 1}.plan()
	if err != nil {
		t.Fatal(err)
	}
	var progress bytes.Buffer
	outcomes, err := p.run(t.Context(), t.TempDir(), &progress)
	if err != nil {
		t.Fatal(err)
	}
	r := report{Machine: thisMachine(""), Reps: p.reps, Scale: p.scale, Outcomes: outcomes}
	for _, failure := range r.failures() {
		t.Error(failure)
	}
	if lines := strings.Count(progress.String(), "\n"); lines != len(p.jobs()) || len(outcomes) != lines {
		t.Errorf("%d lines of progress and %d outcomes for %d runs", lines, len(outcomes), len(p.jobs()))
	}
	page := r.document()
	for _, want := range []string{"## Targets", "## synchronous=NORMAL", "## Batch sizes reached", "## Ledgers", "drain100", "exact"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "not measured") {
		t.Error("a target has no run behind it")
	}
}

// TestFailingRunIsReported breaks a run and expects a failure that names it.
func TestFailingRunIsReported(t *testing.T) {
	t.Parallel()
	scratch := filepath.Join(t.TempDir(), "gone")
	out := job{System: "raw", Scenario: "enq1", Sync: syncNormal, Rep: 1, Scale: quickScale}.measure(t.Context(), scratch)
	if out.Failure == "" || out.System != "raw" || out.Scenario != "enq1" {
		t.Errorf("outcome %+v, want a failure of enq1/raw", out)
	}
	if err := publish(report{Outcomes: results{out}}, options{out: filepath.Join(t.TempDir(), "page.md")}, io.Discard); err == nil {
		t.Error("a page with a failed run was published")
	}
}

// TestStoredOutcomesRenderTheSamePage writes a report with -json and reads it back.
func TestStoredOutcomesRenderTheSamePage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stored, page := filepath.Join(dir, "r.json"), filepath.Join(dir, "r.md")
	r := report{Machine: thisMachine(""), Reps: 3, Scale: fullScale, Outcomes: madeUp()}
	if err := publish(r, options{jsonOut: stored, out: page}, io.Discard); err != nil {
		t.Fatal(err)
	}
	read, err := readReport(stored)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if read.document() != string(text) {
		t.Errorf("the page changed after storing:\n%s\nwas\n%s", read.document(), text)
	}
}
