package sqlite_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/driver/memory"
	"github.com/stem-jobs/stem/pkg/runtime/drivertest"
)

// model is the memory driver, which reads like the specification, as what the
// property test compares with.
type model struct {
	url   string
	clock runtime.Clock
}

var models atomic.Int64

func newModel(t *testing.T, clock runtime.Clock) drivertest.Store {
	m := model{url: fmt.Sprintf("memory://model-%d", models.Add(1)), clock: clock}
	keep := m.Open(t) // it lives as long as the test
	t.Cleanup(func() { _ = keep.Close() })
	return m
}

func (m model) Open(t *testing.T) *runtime.Backend {
	t.Helper()
	b, err := memory.Driver{}.Open(t.Context(), m.url, runtime.OpenOptions{Clock: m.clock})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
