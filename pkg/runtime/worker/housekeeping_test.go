package worker_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// What goes back for a moment is not late because the housekeeper rests: it gets
// up for it, and not more often than that.
func TestWhatGoesBackForAMomentIsBackInTime(t *testing.T) {
	const pause, n = 200 * time.Millisecond, 20
	quick := func(o *runtime.TaskOptions) {
		o.Retry = &runtime.RetryPolicy{Backoff: pause, Constant: true, NoJitter: true}
	}
	limit := func(o *runtime.TaskOptions) { o.Rate = &runtime.Rate{N: 1, Per: pause} }
	inBubble(t, defs(task("flaky", unset, retries(n), quick), task("limited", echo, limit)), func(r *rig) {
		var last time.Time
		r.redefine("flaky", func(_ context.Context, task *runtime.Task) (json.RawMessage, error) {
			if late := time.Since(last) - pause; task.Attempt > 0 && late > pause/10 {
				t.Errorf("attempt %d began %s late", task.Attempt, late)
			}
			last = time.Now()
			return nil, errBroken
		})
		w := r.start()
		<-time.After(10 * time.Millisecond) // the first rest has begun
		before := r.faults.Calls("Broker.Recover")
		r.ended(r.enqueue(runtime.Request{Name: "flaky"}), runtime.StateFailed)
		if calls := r.faults.Calls("Broker.Recover") - before; calls > 3*n {
			t.Errorf("%d chores for %d retries", calls, n)
		}

		<-time.After(10 * time.Minute)
		began := time.Now()
		for _, id := range r.enqueueN("limited", 5) {
			r.ended(id, runtime.StateSucceeded)
		}
		if took := time.Since(began); took > 5*pause {
			t.Errorf("five tasks at one each %s took %s", pause, took)
		}
		w.stop(runtime.DrainWarm)
	})
}
