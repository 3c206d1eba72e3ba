package memory

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/drivertest"
)

func TestConformance(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{Name: "memory", New: newTestStore})
}

// testStore is a named store, so that several openings share it.
type testStore struct {
	name  string
	clock runtime.Clock
}

var testStores atomic.Int64

func newTestStore(t *testing.T, clock runtime.Clock) drivertest.Store {
	s := testStore{name: fmt.Sprintf("test-%d", testStores.Add(1)), clock: clock}
	keep := s.Open(t) // the store lives as long as the test
	t.Cleanup(func() { _ = keep.Close() })
	return s
}

func (s testStore) Open(t *testing.T) *runtime.Backend {
	t.Helper()
	b, err := Driver{}.Open(t.Context(), "memory://"+s.name, runtime.OpenOptions{Clock: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Corrupt is the one thing that the ports cannot do.
func (s testStore) Corrupt(t *testing.T, taskID string) {
	t.Helper()
	stores.Lock()
	st := stores.byName[s.name].store
	stores.Unlock()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.task(taskID) == nil {
		t.Fatalf("corrupt %s: there is no such task", taskID)
	}
	st.task(taskID).raw = []byte("{not an envelope")
}
