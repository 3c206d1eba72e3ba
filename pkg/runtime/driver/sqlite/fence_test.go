package sqlite

import (
	"slices"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// A fence has room for a million hand-outs of one task. The next one must not
// be the fence of its neighbour in the table.
func TestFenceOfATaskThatWasHandedOutAMillionTimes(t *testing.T) {
	st := openInside(t, newURL(t))
	if _, err := (broker{st}).Publish(t.Context(), inQueue("a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	damage(t, st, `UPDATE stem_tasks SET deliveries = ? WHERE id IN ('a', 'c')`, deliveryMask)
	ds := takeAll(t, st)
	if ds[0].Deliveries != deliveryMask+1 {
		t.Errorf("%d deliveries; want %d", ds[0].Deliveries, deliveryMask+1)
	}
	if !slices.IsSorted([]uint64{ds[0].Lease.Fence, ds[1].Lease.Fence, ds[2].Lease.Fence}) {
		t.Errorf("fences %d, %d, %d", ds[0].Lease.Fence, ds[1].Lease.Fence, ds[2].Lease.Fence)
	}
	x, err := broker{st}.Extend(t.Context(), testWorker, []runtime.Lease{ds[0].Lease}, time.Minute)
	if err != nil || len(x.Lost) != 0 {
		t.Errorf("extended: %+v, %v; want nothing lost", x, err)
	}
	succeed(t, st, ds[0])
	rs, err := broker{st}.Settle(t.Context(), testWorker, []runtime.Settlement{
		{Lease: ds[0].Lease, Outcome: runtime.Succeeded},
		{Lease: ds[2].Lease, Outcome: runtime.Dead},
	})
	if err != nil || rs[0].Status != runtime.Repeated || rs[1].Status != runtime.Settled {
		t.Errorf("settled again: %+v, %v; want repeated, settled", rs, err)
	}
	got, err := results{st}.Get(t.Context(), []string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	want := []runtime.State{runtime.StateSucceeded, runtime.StateRunning, runtime.StateFailed}
	for i, r := range got {
		if r.State != want[i] {
			t.Errorf("%s is %s; want %s", r.ID, r.State, want[i])
		}
	}
}
