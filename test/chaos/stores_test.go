package chaos

import (
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// message checks what a command that cannot work prints: one line that says
// what and why, a hint, an exit code, and no stack trace.
func message(t *testing.T, stderr string, code, wantCode int, words ...string) {
	t.Helper()
	if code != wantCode {
		t.Errorf("exit %d, want %d: %s", code, wantCode, stderr)
	}
	if !strings.HasPrefix(stderr, "stem: ") || !strings.Contains(stderr, "hint:") || strings.Contains(stderr, "goroutine ") {
		t.Errorf("not an error for people: %q", stderr)
	}
	for _, w := range words {
		if !strings.Contains(stderr, w) {
			t.Errorf("%q is not in %q", w, stderr)
		}
	}
}

func (p *place) path() string { return filepath.Join(p.dir, "stem.db") }

func (p *place) enqueue(id string) (stderr string, code int) {
	p.t.Helper()
	_, stderr, code = p.stem("enqueue", "chaos.work", "{}", "--id", id, "-q")
	return stderr, code
}

func TestChaosNewerStore(t *testing.T) {
	p := newPlace(t)
	if stderr, code := p.enqueue("before"); code != 0 {
		t.Fatal(stderr)
	}
	db, err := sql.Open("sqlite", p.path())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE stem_meta SET value = '99' WHERE key = 'schema'`); err != nil {
		t.Fatal(err)
	}
	stderr, code := p.enqueue("after")
	message(t, stderr, code, 69, "newer version", "99", "upgrade stem")
	var n int
	if err := db.QueryRow(`SELECT count(*) FROM stem_tasks`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d tasks, %v", n, err)
	}
}

func TestChaosCorruptStore(t *testing.T) {
	p := newPlace(t)
	if err := os.WriteFile(p.path(), []byte(strings.Repeat("this is not a database. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	stderr, code := p.enqueue("x")
	message(t, stderr, code, 69, "stem.db")
	if raw, _ := os.ReadFile(p.path()); !strings.HasPrefix(string(raw), "this is not") {
		t.Error("the file was changed")
	}
}

// smallDisk mounts a file system of a few megabytes.
func smallDisk(t *testing.T) string {
	t.Helper()
	disk := t.TempDir()
	if os.Geteuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("only root can mount a small file system; CI does")
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Fatalf("mount a small file system: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", disk).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return disk
}

// TestChaosFullDisk fills the disk under a worker whose tasks are running and
// under a producer. The producer gets a clear error and nothing half is stored;
// the worker cannot settle, keeps what it did, and settles it when there is room
// again, without running it twice.
func TestChaosFullDisk(t *testing.T) {
	p := newPlace(t)
	p.store = "sqlite:" + smallDisk(t) + "/stem.db"
	disk := strings.TrimSuffix(strings.TrimPrefix(p.store, "sqlite:"), "/stem.db")
	accepted := []string{"running-0", "running-1"}
	for _, id := range accepted {
		if _, stderr, code := p.stem("enqueue", "chaos.work", `{"ms": 1000}`, "--id", id, "-q"); code != 0 {
			t.Fatal(stderr)
		}
	}
	w := p.start(nil, io.Discard, "worker", "--name", "full", "-q")
	ran := func(count func(execution) int) func() bool {
		return func() bool {
			done := readLedger(t, p.ledger)
			return count(done["running-0"]) == 1 && count(done["running-1"]) == 1
		}
	}
	until(t, 20*time.Second, "the tasks have not begun", ran(func(e execution) int { return e.begins }))

	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	var stderr string
	code := 0
	for i := 0; code == 0 && i < 100; i++ { // room is left in the log for a few
		id := fmt.Sprintf("full-%d", i)
		if stderr, code = p.enqueue(id); code == 0 {
			accepted = append(accepted, id)
		}
	}
	message(t, stderr, code, 1, "full")
	until(t, 20*time.Second, "the tasks have not ended", ran(func(e execution) int { return e.ends }))

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	b := p.open()
	until(t, 30*time.Second, "the worker has not recovered", func() bool {
		for _, r := range states(t, b, accepted) {
			if !r.State.Terminal() {
				return false
			}
		}
		return true
	})
	done := readLedger(t, p.ledger)
	for id, r := range states(t, b, accepted) {
		if r.State != "succeeded" || done[id].begins != 1 {
			t.Errorf("%s: %s, ran %d times", id, r.State, done[id].begins)
		}
	}
	w.kill()
	if err := b.Close(); err != nil { // before the disk goes
		t.Fatal(err)
	}
}

func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size >= 1; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// TestChaosCallersTransactionHeld keeps a transaction open on the store's file
// for two seconds while a producer and a worker go on: they wait, and nothing is
// lost or done twice.
func TestChaosCallersTransactionHeld(t *testing.T) {
	p := newPlace(t)
	b := p.open()
	p.start(nil, io.Discard, "worker", "--name", "patient", "-q")
	db, err := sql.Open("sqlite", p.path()+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if stderr, code := p.enqueue("first"); code != 0 {
		t.Fatal(stderr)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(`CREATE TABLE mine (n INTEGER)`); err != nil {
		t.Fatal(err)
	}
	released := time.AfterFunc(2*time.Second, func() { _ = tx.Commit() })
	defer released.Stop()
	start := time.Now()
	if stderr, code := p.enqueue("second"); code != 0 {
		t.Errorf("a producer gave up while the transaction was open: %s", stderr)
	}
	if waited := time.Since(start); waited < time.Second {
		t.Errorf("the transaction did not hold anybody up (%s): this test shows nothing", waited)
	}
	ids := []string{"first", "second"}
	until(t, 20*time.Second, "tasks are unfinished", func() bool {
		_, unfinished := counts(t, b)
		return unfinished == 0
	})
	done := readLedger(t, p.ledger)
	for id, r := range states(t, b, ids) {
		if r.State != "succeeded" || done[id].begins != 1 {
			t.Errorf("%s: %s, ran %d times", id, r.State, done[id].begins)
		}
	}
}
