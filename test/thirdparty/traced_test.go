package traced

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/memory" // the store that is traced
	"github.com/stem-jobs/stem/pkg/runtime/drivertest"
)

// TestConformance runs the whole suite. What it needs from the author of a
// driver is below: a way to make an empty store, and to open it again.
func TestConformance(t *testing.T) {
	var calls ledger
	t.Run("Suite", func(t *testing.T) {
		drivertest.Run(t, drivertest.Harness{Name: "traced", New: func(t *testing.T, clock runtime.Clock) drivertest.Store {
			return newStore(t, Driver{Trace: calls.note}, clock)
		}})
	})
	for _, method := range []string{"Publish", "Receive", "Settle"} {
		if calls.items[method] < 1000 {
			t.Errorf("%s was traced for %d items; the suite cannot have gone through this driver", method, calls.items[method])
		}
	}
}

// TestOpenByURL is how users get at it: the import alone makes the scheme known.
func TestOpenByURL(t *testing.T) {
	b, err := runtime.Open(t.Context(), "traced:memory:", runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Info.Driver != "traced memory" {
		t.Errorf("driver %q", b.Info.Driver)
	}
	if _, err := runtime.Open(t.Context(), "traced:nowhere:", runtime.OpenOptions{}); runtime.CodeOf(err) != runtime.CodeUnsupported {
		t.Errorf("open behind an unknown scheme: %v", err)
	}
}

type ledger struct {
	mu    sync.Mutex
	items map[string]int
}

func (l *ledger) note(method string, items int, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.items == nil {
		l.items = map[string]int{}
	}
	l.items[method] += items
}

// store is one store of the suite: a name that several openings share.
type store struct {
	driver Driver
	url    string
	clock  runtime.Clock
}

var stores atomic.Int64

func newStore(t *testing.T, d Driver, clock runtime.Clock) drivertest.Store {
	s := store{driver: d, url: fmt.Sprintf("traced:memory://thirdparty-%d", stores.Add(1)), clock: clock}
	keep := s.Open(t) // a memory store lives as long as somebody has it open
	t.Cleanup(func() { _ = keep.Close() })
	return s
}

func (s store) Open(t *testing.T) *runtime.Backend {
	t.Helper()
	b, err := s.driver.Open(t.Context(), s.url, runtime.OpenOptions{Clock: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
