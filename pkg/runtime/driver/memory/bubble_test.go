package memory

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Waiting must be on the store's own channels and timers, so that programs can
// be tested in a bubble, where time is made up.
func TestReceiveWaitsInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, st := open(t, nil)
		start := time.Now()
		if ds, err := b.Broker.Receive(t.Context(), waitFor(1, time.Hour)); err != nil || len(ds) != 0 {
			t.Fatal(ds, err)
		}
		if waited := time.Since(start); waited != time.Hour {
			t.Fatalf("waited %s; want an hour", waited)
		}
		got := make(chan []runtime.Delivery)
		go func() {
			ds, _ := b.Broker.Receive(context.Background(), waitFor(1, time.Hour))
			got <- ds
		}()
		synctest.Wait()
		publish(t, b, publication("a"))
		if ds := <-got; len(ds) != 1 || time.Since(start) != time.Hour {
			t.Fatalf("%d deliveries after %s; want one at once", len(ds), time.Since(start))
		}
		if n := len(st.queues["q"].waiting); n != 0 {
			t.Fatalf("%d are still waiting", n)
		}
	})
}

func TestWatchInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, st := open(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		changes, err := b.Results.Watch(ctx, []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		if r := <-changes; r.ID != "a" || r.State != "" {
			t.Fatalf("first %+v; want that nothing is known", r)
		}
		publish(t, b, publication("a"))
		settle(t, b, runtime.Settlement{Lease: receive(t, b, 1)[0].Lease, Outcome: runtime.Succeeded, Result: []byte("x")})
		for r := range changes {
			if r.State == runtime.StateSucceeded && string(r.Body) == "x" {
				break // whatever was joined, the end is not missed
			}
		}
		cancel()
		synctest.Wait()
		if _, open := <-changes; open || len(st.watches) != 0 {
			t.Fatalf("open %v, %d watched after the end", open, len(st.watches))
		}
	})
}
