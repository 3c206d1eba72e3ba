package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

func decodeBench(t *testing.T, stdout string) benchView {
	t.Helper()
	var v benchView
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatalf("%q: %v", stdout, err)
	}
	return v
}

// tempDir makes the place of temporary files one of the test's.
func tempDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	return dir
}

func TestBenchMeasuresATemporaryStore(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	t.Setenv("STEM_STORE", "sqlite:mine.db")
	tmp := tempDir(t)
	stdout, stderr, code := run(t, "", "bench", "--tasks", "300", "--concurrency", "4", "--duration", "100ms", "-o", "json")
	if code != exitOK || !strings.Contains(stderr, "temporary SQLite store") {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	v := decodeBench(t, stdout)
	if v.Driver != "sqlite" || !v.Ledger.OK || v.Ledger.Missing+v.Ledger.Unknown != 0 || v.Ledger.Enqueued != v.Ledger.Ran {
		t.Errorf("got %+v", v)
	}
	var names []string
	total := int64(0)
	for _, m := range v.Measurements {
		names = append(names, m.Name)
		total += m.Tasks
	}
	want := []string{
		"enqueue, 1 producer", "enqueue, 16 producers", "enqueue, batches of 150", "drain, concurrency 4",
		"enqueue to start, idle worker", "produce and work, 16 producers",
	}
	if !slices.Equal(names, want) {
		t.Fatalf("measured %q, want %q", names, want)
	}
	if m := v.Measurements; m[0].Tasks != 30 || m[1].Tasks != 120 || m[2].Tasks != 150 || m[3].Tasks != 300 || m[4].Tasks != 30 || m[5].Tasks == 0 {
		t.Errorf("tasks: %+v", m)
	}
	if m := v.Measurements[4]; m.P50Us == nil || *m.P50Us <= 0 || *m.P99Us < *m.P50Us || m.PerSecond != nil {
		t.Errorf("latency: %+v", m)
	}
	if m := v.Measurements[3]; m.PerSecond == nil || *m.PerSecond <= 0 || m.P50Us != nil {
		t.Errorf("drain: %+v", m)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := os.Stat("mine.db"); err == nil {
		t.Error("the configured store was touched")
	}
}

// holdStore keeps a memory store alive between commands.
func holdStore(t *testing.T, url string) *runtime.Backend {
	t.Helper()
	b, err := runtime.Open(t.Context(), url, runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() }) // a store in memory has nothing to lose
	return b
}

func TestBenchCleansUpAStoreOfOthers(t *testing.T) {
	t.Chdir(t.TempDir())
	const url = "memory://bench"
	b := holdStore(t, url)
	stdout, stderr, code := run(t, "", "bench", "--store", url, "--tasks", "50", "--duration", "0s")
	if code != exitOK || !strings.Contains(stdout, "ledger: 55 enqueued, 55 ran, 0 more than once, 0 missing\n") {
		t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
	}
	if strings.Contains(stdout, "produce and work") || strings.Contains(stderr, "temporary") {
		t.Errorf("got %q, %q", stdout, stderr)
	}
	mustBeEmpty(t, b, 55)
}

// mustBeEmpty holds that the queue of the bench has nothing left.
func mustBeEmpty(t *testing.T, b *runtime.Backend, succeeded int64) {
	t.Helper()
	stats, err := b.Queues.Stats(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stats {
		if !strings.HasPrefix(s.Queue, "stem-bench-") || s.Ready+s.Delayed+s.Waiting+s.Parked+s.Leased+s.Dead != 0 {
			t.Errorf("left behind: %+v", s)
		}
		if succeeded >= 0 && s.Succeeded != succeeded {
			t.Errorf("the store counts %d, want %d", s.Succeeded, succeeded)
		}
	}
}

func TestBenchInterrupted(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Chdir(t.TempDir())
	const url = "memory://cut"
	b := holdStore(t, url)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	stdout, stderr, code := runWith(ctx, []stem.Option{afterTasks(20, interrupt)}, "bench", "--store", url, "--tasks", "5000", "-c", "2", "-o", "json")
	if code != exitInterrupted {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	v := decodeBench(t, stdout)
	if !v.Interrupted || v.Ledger.Enqueued != 5000 || v.Ledger.Ran < 20 || v.Ledger.Ran >= 5000 {
		t.Errorf("got %+v", v)
	}
	mustBeEmpty(t, b, -1)
}

func TestBenchRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range []string{"--tasks 0", "--concurrency 0", "--payload -1", "--payload 100000000", "--duration -1s", "extra"} {
		if _, _, code := run(t, "", append([]string{"bench"}, strings.Fields(args)...)...); code != exitUsage {
			t.Errorf("bench %s: exit %d", args, code)
		}
	}
}

func TestBenchLedger(t *testing.T) {
	for name, c := range map[string]struct {
		stored, ran, ended string // ids
		want               ledgerView
	}{
		"nothing":   {"", "", "", ledgerView{OK: true}},
		"balanced":  {"a b", "b a", "a b", ledgerView{Enqueued: 2, Ran: 2, OK: true}},
		"twice":     {"a b", "a b a a", "a b b", ledgerView{Enqueued: 2, Ran: 2, Duplicates: 2, OK: true}},
		"never ran": {"a b c", "a", "a", ledgerView{Enqueued: 3, Ran: 1, Missing: 2}},
		"not ended": {"a b", "a b", "a", ledgerView{Enqueued: 2, Ran: 2, Missing: 1}},
		"unknown":   {"a", "a x", "a x", ledgerView{Enqueued: 1, Ran: 2, Unknown: 1}},
		"both ways": {"a b", "a x x", "a x", ledgerView{Enqueued: 2, Ran: 2, Duplicates: 1, Missing: 1, Unknown: 1}},
	} {
		l := benchLedger{entries: map[string]benchEntry{}}
		for _, id := range strings.Fields(c.stored) {
			l.confirm(id)
		}
		for _, id := range strings.Fields(c.ran) {
			l.run(id, 0)
		}
		for _, id := range strings.Fields(c.ended) {
			l.end(id)
		}
		if got := l.balance(); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// TestBenchFailsWhenTheLedgerDoesNotAddUp: a store that loses a task must not
// get a table that looks fine.
func TestBenchFailsWhenTheLedgerDoesNotAddUp(t *testing.T) {
	a := testApp()
	opened, err := stem.Open(t.Context(), "memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	b := newBenchRun(&benchOptions{app: a}, "x")
	b.opened = opened
	b.ledger.confirm("lost")
	if err := b.finish(nil); exitCode(err) != exitNegative || !strings.Contains(err.Error(), "1 missing") {
		t.Errorf("got %v", err)
	}
	if err := b.finish(errors.New("store gone")); err == nil || err.Error() != "store gone" {
		t.Errorf("got %v", err)
	}
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		values []time.Duration
		p      int
		want   time.Duration
	}{
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred, 1, 1},
		{hundred[:1], 50, 1}, {hundred[:1], 99, 1}, {hundred[:3], 50, 2}, {hundred[:10], 99, 10},
	} {
		if got := percentile(c.values, c.p); got != c.want {
			t.Errorf("p%d of %d values is %d, want %d", c.p, len(c.values), got, c.want)
		}
	}
}
