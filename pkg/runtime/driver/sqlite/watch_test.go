package sqlite

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func inQueue(ids ...string) *runtime.Effects {
	e := &runtime.Effects{}
	for _, id := range ids {
		e.Publish = append(e.Publish, runtime.Publication{Envelope: &runtime.Envelope{
			ID: id, Name: "demo.add", Queue: "default", EnqueuedAt: time.Now(), Args: []byte(`{}`),
		}})
	}
	return e
}

// A process that watches something all the time and much for a short while, as
// one that waits for results does, keeps nothing of what it has watched.
func TestEndedWatchesAreForgotten(t *testing.T) {
	st := openInside(t, newURL(t))
	hold, stop := context.WithCancel(t.Context())
	defer stop()
	first, err := results{st}.Watch(hold, []string{"never", "t0", "never"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		id := fmt.Sprint("t", i)
		if _, err := (broker{st}).Publish(hold, inQueue(id)); err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(hold)
		records, err := results{st}.Watch(ctx, []string{id})
		if err != nil {
			t.Fatal(err)
		}
		if r := <-records; r.ID != id || r.State != runtime.StateQueued {
			t.Fatalf("watch of %s: %+v", id, r)
		}
		leave()
		for range records {
		}
	}
	if left := watchedIDs(st); !slices.Equal(left, []string{"never", "t0"}) {
		t.Errorf("with one watch open, kept are %v", left)
	}
	stop()
	for range first {
	}
	if left := watchedIDs(st); len(left) != 0 {
		t.Errorf("with no watch open, kept are %v", left)
	}
}

func watchedIDs(st *store) []string {
	st.watching.mu.Lock()
	defer st.watching.mu.Unlock()
	var ids []string
	for id := range st.watching.watched {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Only who was there when the records were read has been told.
func TestWatchThatComesDuringALookIsGreetedByTheNext(t *testing.T) {
	st := openInside(t, newURL(t))
	g := &watching{looking: true}
	done := []runtime.TaskRecord{{ID: "a", Place: runtime.PlaceDone}}
	early, late := newTestWatch("a"), newTestWatch("a")
	g.add(st, early)
	_, fresh, _ := g.open(st)
	g.add(st, late)
	g.tell(done, fresh)
	ids, fresh, _ := g.open(st)
	if !slices.Equal(ids, []string{"a"}) || len(fresh) != 1 || !fresh[late] {
		t.Fatalf("the next look reads %v for %d; want it to read a for the late one", ids, len(fresh))
	}
	g.tell(done, fresh)
	if ids, _, _ := g.open(st); len(ids) != 0 {
		t.Errorf("what is done is still read: %v", ids)
	}
	for _, w := range []*watch{early, late} {
		if r, ok := w.pick(); !ok || r.ID != "a" {
			t.Errorf("a watch was told %+v", r)
		}
	}
}

func newTestWatch(ids ...string) *watch {
	return &watch{ids: ids, pending: map[string]runtime.TaskRecord{}, wake: make(chan struct{}, 1)}
}
