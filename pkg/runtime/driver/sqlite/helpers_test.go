package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
)

var worker = runtime.Consumer{Worker: "w", Incarnation: "1"}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "stem.db") }

// open opens a store, which the test closes again.
func open(t *testing.T, url string) *runtime.Backend {
	t.Helper()
	b, err := sqlite.Driver{}.Open(t.Context(), url, runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return b
}

// refused opens a store, which must fail with a code and a hint.
func refused(t *testing.T, url string, want *runtime.Error) error {
	t.Helper()
	b, err := sqlite.Driver{}.Open(t.Context(), url, runtime.OpenOptions{})
	if err == nil {
		_ = b.Close()
		t.Fatalf("open %s: no error; want %s", url, want.Code)
	}
	if !errors.Is(err, want) {
		t.Fatalf("open %s: %v (%s); want %s", url, err, runtime.CodeOf(err), want.Code)
	}
	if runtime.HintOf(err) == "" {
		t.Errorf("open %s: %v has no hint", url, err)
	}
	return err
}

// userDB is a connection of the user's own to a file.
func userDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the user's database: %v", err)
		}
	})
	return db
}

func plain(ids ...string) *runtime.Effects {
	e := &runtime.Effects{}
	for _, id := range ids {
		e.Publish = append(e.Publish, runtime.Publication{Envelope: &runtime.Envelope{
			ID: id, Name: "demo.add", Queue: "default", EnqueuedAt: time.Now(), Args: []byte(`{"a":1}`),
		}})
	}
	return e
}

func publish(t *testing.T, b *runtime.Backend, ids ...string) {
	t.Helper()
	rs, err := b.Broker.Publish(t.Context(), plain(ids...))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if r.Status != runtime.Accepted {
			t.Fatalf("publish %s: %s (%v)", r.ID, r.Status, r.Err)
		}
	}
}

func receive(t *testing.T, b *runtime.Backend, max int) []runtime.Delivery {
	t.Helper()
	ds, err := b.Broker.Receive(t.Context(), runtime.Receive{
		Consumer: worker, Queues: []runtime.QueueShare{{Queue: "default"}}, Max: max, Lease: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func stat(t *testing.T, b *runtime.Backend) runtime.QueueStat {
	t.Helper()
	ss, err := b.Queues.Stats(t.Context(), []string{"default"})
	if err != nil {
		t.Fatal(err)
	}
	return ss[0]
}

var madeIDs atomic.Int64

// ids are new ids.
func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("t%06d", madeIDs.Add(1))
	}
	return out
}
