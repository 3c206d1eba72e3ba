package worker_test

import (
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// A purge is told from other orders by its reason, whether the task waits in
// this process or runs.
func TestPurgedTasksEndAsPurged(t *testing.T) {
	inBubble(t, defs(task("x", sleeper(newRan()))), func(r *rig) {
		w := r.start(func(o *worker.Options) { o.Concurrency = 1; o.Prefetch = 1 })
		var ids []string
		for range 2 {
			ids = append(ids, r.enqueue(runtime.Request{Name: "x", Args: seconds("1000")}))
			r.at(ids[len(ids)-1], runtime.PlaceLeased)
		}
		for _, id := range ids {
			if _, err := r.store.Broker.Cancel(r.ctx, []runtime.Revocation{{TaskID: id, Reason: runtime.ReasonPurged, Terminate: true}}); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range ids {
			if rec := r.ended(id, runtime.StateCancelled); rec.Reason != runtime.ReasonPurged {
				t.Errorf("reason is %s", rec.Reason)
			}
		}
		w.stop(runtime.DrainWarm)
	})
}
