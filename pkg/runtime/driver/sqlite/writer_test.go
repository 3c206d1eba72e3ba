package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func openInside(t *testing.T, url string) *store {
	t.Helper()
	b, err := Driver{}.Open(t.Context(), url, runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return b.Broker.(broker).store
}

func newURL(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "stem.db") }

// block keeps the writer busy until the test lets it go, so that operations
// gather meanwhile.
func block(t *testing.T, st *store) (release func()) {
	t.Helper()
	entered, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- st.write(context.Background(), "block", func(*step) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	return func() {
		close(leave)
		if err := <-done; err != nil {
			t.Errorf("block: %v", err)
		}
	}
}

// gathered waits until n operations wait for the writer.
func gathered(t *testing.T, st *store, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(st.writer.ops) < n; {
		if <-time.After(time.Millisecond); time.Now().After(deadline) {
			t.Fatalf("%d operations wait for the writer; want %d", len(st.writer.ops), n)
		}
	}
}

// What gathers while the writer is busy shares one transaction, and so one time.
func TestWriterGathers(t *testing.T) {
	st := openInside(t, newURL(t))
	release := block(t, st)
	times := make([]int64, 20)
	var wg sync.WaitGroup
	for i := range times {
		wg.Go(func() {
			err := st.write(t.Context(), "look", func(s *step) error {
				times[i] = s.now
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	gathered(t, st, len(times))
	release()
	wg.Wait()
	if slices.Min(times) != slices.Max(times) {
		t.Errorf("20 operations took several transactions: %v", times)
	}
}

var errMine = errors.New("mine")

// One that fails gets its error; those who were in the same transaction are
// carried out all the same, once.
func TestWriterFailsAlone(t *testing.T) {
	st := openInside(t, newURL(t))
	release := block(t, st)
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			err := st.write(t.Context(), "audit", func(s *step) error {
				if err := s.audit("test", "x", "", "", ""); err != nil {
					return err
				}
				if i == 4 {
					return errMine
				}
				return nil
			})
			if (i == 4) != errors.Is(err, errMine) {
				t.Errorf("operation %d: %v", i, err)
			}
		})
	}
	gathered(t, st, 9)
	release()
	wg.Wait()
	if es, _, err := (audits{st}).List(t.Context(), runtime.AuditQuery{}); err != nil || len(es) != 8 {
		t.Fatalf("%d entries (%v); want 8, one for each that did not fail", len(es), err)
	}
}

// A caller who leaves before the writer comes to it leaves nothing behind.
func TestWriterCallerLeaves(t *testing.T) {
	st := openInside(t, newURL(t))
	release := block(t, st)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		left <- st.write(ctx, "audit", func(s *step) error { return s.audit("test", "x", "", "", "") })
	}()
	gathered(t, st, 1)
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatalf("%v; want canceled, while the writer is still busy", err)
	}
	release()
	if err := st.write(t.Context(), "nothing", func(*step) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if es, _, err := (audits{st}).List(t.Context(), runtime.AuditQuery{}); err != nil || len(es) != 0 {
		t.Fatalf("%d entries (%v); want none", len(es), err)
	}
}

func TestSynchronous(t *testing.T) {
	for option, want := range map[string]int64{"": 1, "?synchronous=off": 0, "?synchronous=full": 2, "?synchronous=extra": 3} {
		st := openInside(t, newURL(t)+option)
		var got int64
		err := st.write(t.Context(), "look", func(s *step) error {
			_, err := one(s, `PRAGMA synchronous`, func(r row) { got = r.int(0) })
			return err
		})
		if err != nil || got != want {
			t.Errorf("%q: synchronous is %d (%v); want %d", option, got, err, want)
		}
	}
}
