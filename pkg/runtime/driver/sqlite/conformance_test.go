package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
	"github.com/stem-jobs/stem/pkg/runtime/drivertest"
)

func TestConformance(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{Name: "sqlite", New: newTestStore, Model: newModel})
}

// testStore is a file in a directory of its own. Each opening has its own
// writer, as another process would.
type testStore struct {
	path  string
	clock runtime.Clock
}

func newTestStore(t *testing.T, clock runtime.Clock) drivertest.Store {
	return testStore{path: filepath.Join(t.TempDir(), "stem.db"), clock: clock}
}

func (s testStore) Open(t *testing.T) *runtime.Backend {
	t.Helper()
	b, err := sqlite.Driver{}.Open(t.Context(), "sqlite:"+s.path, runtime.OpenOptions{Clock: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Corrupt is the one thing that the ports cannot do.
func (s testStore) Corrupt(t *testing.T, taskID string) {
	t.Helper()
	db := s.db(t)
	r, err := db.Exec(`UPDATE stem_tasks SET envelope = '{not an envelope' WHERE id = ?`, taskID)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := r.RowsAffected(); n != 1 {
		t.Fatalf("corrupt %s: %d rows", taskID, n)
	}
}

// Begin opens a transaction as a user's own code would.
func (s testStore) Begin(t *testing.T) drivertest.Tx {
	t.Helper()
	tx, err := s.db(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return drivertest.Tx{Value: tx, Commit: tx.Commit, Rollback: tx.Rollback}
}

func (s testStore) db(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+s.path+"?_pragma=busy_timeout(5000)&_txlock=immediate")
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
