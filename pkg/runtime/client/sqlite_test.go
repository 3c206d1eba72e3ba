package client_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
)

// openFile opens a SQLite store: another handle on the same file is as good as
// another process.
func openFile(t *testing.T, file string) *runtime.Backend {
	t.Helper()
	b, err := runtime.Open(t.Context(), "sqlite://"+file, runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestEnqueueInTheCallersTransaction(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stem.db")
	c := client.New(openFile(t, file), client.Options{})
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	enqueueIn := func(id string, finish func(*sql.Tx) error) {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		rs, err := c.EnqueueTx(t.Context(), tx, runtime.Request{ID: id, Name: "x"})
		if err != nil || rs[0].Status != runtime.Accepted {
			t.Fatalf("%s: %+v, %v", id, rs, err)
		}
		if err := finish(tx); err != nil {
			t.Fatal(err)
		}
	}
	enqueueIn("undone", (*sql.Tx).Rollback)
	enqueueIn("kept", (*sql.Tx).Commit)
	if err := c.Wake(t.Context(), "default"); err != nil {
		t.Error(err)
	}
	for id, want := range map[string]runtime.PublishStatus{"undone": runtime.Accepted, "kept": runtime.Exists} {
		if r, err := c.Enqueue(t.Context(), runtime.Request{ID: id, Name: "x"}); err != nil || r.Status != want {
			t.Errorf("%s: %+v, %v", id, r, err)
		}
	}
}

func TestWaitAcrossProcesses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stem.db")
	here, there := openFile(t, file), openFile(t, file)
	c := client.New(here, client.Options{PollEvery: time.Hour})
	enqueue(t, c, "a")
	out := make(chan waited, 1)
	go func() {
		recs, err := c.Wait(t.Context(), "a")
		out <- waited{recs, err}
	}()
	end(t, there, succeeded(t, `{"n":1}`))
	got := <-out
	if got.err != nil || got.recs[0].State != runtime.StateSucceeded {
		t.Fatalf("got %+v", got)
	}
	var result struct{ N int }
	if err := c.Result(got.recs[0], &result); err != nil || result.N != 1 {
		t.Errorf("got %+v, %v", result, err)
	}
}
