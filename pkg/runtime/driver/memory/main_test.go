package memory

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var worker = runtime.Consumer{Worker: "w", Incarnation: "1"}

// open returns a private store whose time is the given clock's, and its insides.
func open(t *testing.T, clock runtime.Clock) (*runtime.Backend, *store) {
	t.Helper()
	b, err := Driver{}.Open(t.Context(), "memory:", runtime.OpenOptions{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b, b.Broker.(broker).store
}

func publication(id string) runtime.Publication {
	return runtime.Publication{Envelope: &runtime.Envelope{
		ID: id, Name: "demo", Queue: "q", Args: []byte(`{"n":1}`), EnqueuedAt: time.Unix(1_700_000_000, 0).UTC(),
	}}
}

func publish(t *testing.T, b *runtime.Backend, ps ...runtime.Publication) {
	t.Helper()
	rs, err := b.Broker.Publish(t.Context(), &runtime.Effects{Publish: ps})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if r.Status != runtime.Accepted {
			t.Fatalf("publish %s: %s (%v)", r.ID, r.Status, r.Err)
		}
	}
}

func receive(t *testing.T, b *runtime.Backend, n int) []runtime.Delivery {
	t.Helper()
	ds, err := b.Broker.Receive(t.Context(), waitFor(n, 0))
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func waitFor(n int, wait time.Duration) runtime.Receive {
	return runtime.Receive{
		Consumer: worker, Queues: []runtime.QueueShare{{Queue: "q"}}, Max: n, Lease: time.Minute, Wait: wait,
	}
}

func settle(t *testing.T, b *runtime.Backend, ss ...runtime.Settlement) {
	t.Helper()
	rs, err := b.Broker.Settle(t.Context(), worker, ss)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rs {
		if r.Status != runtime.Settled {
			t.Fatalf("settle %s: %d (%v)", ss[i].Lease.TaskID, r.Status, r.Err)
		}
	}
}

func sweep(t *testing.T, b *runtime.Backend) {
	t.Helper()
	for more := true; more; {
		r, err := b.Broker.Recover(context.Background(), runtime.Recover{Known: []string{"demo"}, Queues: []string{"q"}})
		if err != nil {
			t.Fatal(err)
		}
		more = r.More
	}
}
