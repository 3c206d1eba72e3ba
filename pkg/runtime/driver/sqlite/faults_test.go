package sqlite_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
)

// The file may not grow any more, as on a full disk: publishing says so, stores
// nothing by halves, and works again as soon as there is room.
func TestFull(t *testing.T) {
	b := open(t, "sqlite:"+newPath(t)+"?max_pages=200")
	publish(t, b, ids(400)...)
	leased := receive(t, b, 400)
	accepted := len(leased)
	var err error
	for range 1000 {
		var rs []runtime.PublishResult
		if rs, err = b.Broker.Publish(t.Context(), plain(ids(20)...)); err != nil {
			break
		}
		accepted += len(rs)
	}
	if !errors.Is(err, runtime.ErrFull) || runtime.HintOf(err) == "" {
		t.Fatalf("publish into a full file: %v; want full, with a hint", err)
	}
	checkCount(t, b, accepted)

	var ss []runtime.Settlement
	for _, d := range leased {
		ss = append(ss, runtime.Settlement{Lease: d.Lease, Outcome: runtime.Succeeded, Keep: -1})
	}
	rs, err := b.Broker.Settle(t.Context(), worker, ss)
	if err != nil {
		t.Fatalf("settle makes room, and failed: %v", err)
	}
	for _, r := range rs {
		if r.Status != runtime.Settled {
			t.Fatalf("settle: %+v", r)
		}
	}
	publish(t, b, ids(20)...)
	checkCount(t, b, accepted-len(leased)+20)
}

// checkCount holds the numbers of the queue and the tasks themselves against
// what was accepted.
func checkCount(t *testing.T, b *runtime.Backend, want int) {
	t.Helper()
	s := stat(t, b)
	listed, cursor := 0, ""
	for {
		rs, next, err := b.Queues.List(t.Context(), runtime.TaskQuery{Cursor: cursor, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		listed += len(rs)
		if cursor = next; next == "" {
			break
		}
	}
	if got := int(s.Ready + s.Leased); got != want || listed != want {
		t.Fatalf("%d are counted and %d listed; want %d", got, listed, want)
	}
}

// A transaction of the user's own keeps everybody from writing for two seconds:
// all that was asked meanwhile happens afterwards.
func TestHeldTransaction(t *testing.T) {
	path := newPath(t)
	stores := []*runtime.Backend{open(t, "sqlite:"+path), open(t, "sqlite:"+path)}
	publish(t, stores[0], "first")
	tx, err := userDB(t, path).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		b, batch := stores[i%2], plain(ids(5)...)
		wg.Go(func() {
			if _, err := b.Broker.Publish(t.Context(), batch); err != nil {
				t.Errorf("publish while the file is locked: %v", err)
			}
		})
	}
	for _, b := range stores { // readers do not wait
		if s := stat(t, b); s.Ready != 1 {
			t.Errorf("stats while the file is locked: %+v; want one ready", s)
		}
	}
	<-time.After(2 * time.Second)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	for _, b := range stores {
		checkCount(t, b, 101)
	}
}

// A transaction that is never committed must not keep callers for ever, and a
// caller may leave before that; what it had asked for is then not done.
func TestStuckTransaction(t *testing.T) {
	path := newPath(t)
	b := open(t, "sqlite:"+path+"?lock_wait=300ms")
	tx, err := userDB(t, path).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.Broker.Publish(ctx, plain("left")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("publish with little time: %v; want deadline exceeded", err)
	}
	_, err = b.Broker.Publish(t.Context(), plain("waited"))
	if !errors.Is(err, runtime.ErrUnavailable) || !strings.Contains(runtime.HintOf(err), "locked") {
		t.Errorf("publish into a locked file: %v (hint %q); want unavailable", err, runtime.HintOf(err))
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	publish(t, b, "later")
	checkCount(t, b, 1)
}

// Close ends what waits, and everything after it.
func TestClosed(t *testing.T) {
	path := newPath(t)
	b, err := sqlite.Driver{}.Open(t.Context(), "sqlite:"+path, runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := userDB(t, path).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	published := make(chan error, 1)
	go func() {
		_, err := b.Broker.Publish(t.Context(), plain("a"))
		published <- err
	}()
	select {
	case err := <-published:
		t.Fatalf("publish into a locked file: %v; want it to wait", err)
	case <-time.After(20 * time.Millisecond):
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	if err := <-published; !errors.Is(err, runtime.ErrUnavailable) {
		t.Errorf("publish while the store closes: %v; want unavailable", err)
	}
	if _, err := b.Queues.Stats(t.Context(), nil); !errors.Is(err, runtime.ErrUnavailable) {
		t.Errorf("read after close: %v; want unavailable", err)
	}
	if _, err := b.Results.Watch(t.Context(), []string{"a"}); !errors.Is(err, runtime.ErrUnavailable) {
		t.Errorf("watch after close: %v; want unavailable", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}

// A transaction on another database would swallow the tasks.
func TestPublishTxElsewhere(t *testing.T) {
	b := open(t, "sqlite:"+newPath(t))
	tx, err := userDB(t, newPath(t)).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Tx.PublishTx(t.Context(), tx, plain("a")); !errors.Is(err, runtime.ErrInvalid) || runtime.HintOf(err) == "" {
		t.Errorf("publish in a transaction on another file: %v; want invalid, with a hint", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Tx.PublishTx(t.Context(), 7, plain("a")); !errors.Is(err, runtime.ErrUnsupported) {
		t.Errorf("publish in the transaction 7: %v; want unsupported", err)
	}
}
