package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// TestBatchWithKnownIDs publishes batches that are large enough for many rows a
// statement, with ids that are known from before, from an earlier statement and
// from the same one.
func TestBatchWithKnownIDs(t *testing.T) {
	b, err := runtime.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "stem.db"), runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	publish := func(ids ...string) []runtime.PublishResult {
		t.Helper()
		var e runtime.Effects
		for _, id := range ids {
			e.Publish = append(e.Publish, runtime.Publication{Envelope: &runtime.Envelope{ID: id, Name: "n", Queue: "q"}})
		}
		out, err := b.Broker.Publish(t.Context(), &e)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	publish("id-3", "id-40", "id-99")
	var ids []string
	want := map[int]runtime.PublishStatus{}
	for i := range 100 {
		ids = append(ids, fmt.Sprint("id-", i))
	}
	want[3], want[40], want[99] = runtime.Exists, runtime.Exists, runtime.Exists
	ids[10], want[10] = "id-9", runtime.Exists // the same statement
	ids[70], want[70] = "id-1", runtime.Exists // an earlier one
	ids[50], want[50] = "bad id", runtime.Invalid
	accepted := int64(3)
	for i, r := range publish(ids...) {
		status := want[i]
		if status == 0 {
			status = runtime.Accepted
		}
		if r.Status != status {
			t.Errorf("%d (%s): %s, want %s", i, ids[i], r.Status, status)
		}
		if r.Status == runtime.Accepted {
			accepted++
		}
	}
	stats, err := b.Queues.Stats(t.Context(), []string{"q"})
	if err != nil || stats[0].Ready != accepted || stats[0].Enqueued != accepted {
		t.Errorf("%d accepted, %+v, %v", accepted, stats, err)
	}
	for i, r := range publish(ids[:50]...) {
		if r.Status != runtime.Exists {
			t.Errorf("again %d: %s", i, r.Status)
		}
	}
}
