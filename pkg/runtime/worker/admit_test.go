package worker_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/runtimetest"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// A task without limits makes no call but Receive and Settle.
func TestPlainTasksPayForNoLimits(t *testing.T) {
	inBubble(t, defs(task("x", echo)), func(r *rig) {
		w := r.start()
		for _, id := range r.enqueueN("x", 50) {
			r.ended(id, runtime.StateSucceeded)
		}
		if n := r.faults.Calls("Broker.Admit"); n != 0 {
			t.Errorf("%d calls of Admit", n)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestRatesHoldOverAllWorkers(t *testing.T) {
	var runs atomic.Int64
	count := func(context.Context, *runtime.Task) (json.RawMessage, error) {
		runs.Add(1)
		return nil, nil
	}
	rate := func(o *runtime.TaskOptions) { o.Rate = &runtime.Rate{N: 5, Per: time.Second} }
	inBubble(t, defs(task("x", count, rate)), func(r *rig) {
		a, b := r.start(), r.start()
		ids := r.enqueueN("x", 55)
		<-time.After(2100 * time.Millisecond)
		synctest.Wait()
		if n := runs.Load(); n < 13 || n > 17 { // a burst of 5, then 5 a second
			t.Errorf("%d ran in 2 s", n)
		}
		for _, id := range ids {
			if rec := r.ended(id, runtime.StateSucceeded); rec.Attempt != 0 || rec.Deliveries > 2 {
				t.Errorf("attempt %d, %d deliveries", rec.Attempt, rec.Deliveries)
			}
		}
		if n := r.faults.Calls("Broker.Admit"); n > len(ids) {
			t.Errorf("%d calls of Admit for %d tasks: who has paid is not asked again", n, len(ids))
		}
		a.stop(runtime.DrainWarm)
		b.stop(runtime.DrainWarm)
	})
}

func TestSlotsOfALimitHoldOverAllWorkers(t *testing.T) {
	inBubble(t, defs(task("x", unset, func(o *runtime.TaskOptions) { o.Concurrency = new(2) })), func(r *rig) {
		var now, most atomic.Int64
		r.redefine("x", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			return nil, nap(ctx, time.Second)
		})
		a, b := r.start(), r.start()
		for _, id := range r.enqueueN("x", 11) {
			r.ended(id, runtime.StateSucceeded)
		}
		if most.Load() != 2 {
			t.Errorf("%d ran at once", most.Load())
		}
		a.stop(runtime.DrainWarm)
		b.stop(runtime.DrainWarm)
	})
}

// The group's bucket is chosen by the header, and the call's own key wins.
func TestGroupRateByHeader(t *testing.T) {
	group := func(o *runtime.TaskOptions) { o.GroupRate = &runtime.Rate{N: 1, Per: time.Hour} }
	inBubble(t, defs(task("x", echo, group)), func(r *rig) {
		w := r.start()
		of := func(tenant string) string {
			return r.enqueue(runtime.Request{Name: "x", Headers: map[string]string{runtime.HeaderTenant: tenant}})
		}
		r.ended(of("a"), runtime.StateSucceeded)
		r.ended(of("b"), runtime.StateSucceeded)
		r.at(of("a"), runtime.PlaceDelayed)
		own := runtime.Request{Name: "x", Options: runtime.TaskOptions{GroupRateKey: new("mine")}}
		r.ended(r.enqueue(own), runtime.StateSucceeded)
		r.at(r.enqueue(own), runtime.PlaceDelayed)
		views, err := r.store.Limits.View(r.ctx, "group:")
		if err != nil || len(views) != 3 {
			t.Errorf("limits: %+v, %v", views, err)
		}
		w.stop(runtime.DrainWarm)
	})
}

// When limits cannot be asked, a task that fails open runs, and one that fails
// closed comes back, without an attempt.
func TestLimitsThatCannotBeAsked(t *testing.T) {
	limit := func(open bool) func(*runtime.TaskOptions) {
		return func(o *runtime.TaskOptions) { o.Rate = &runtime.Rate{N: 5, Per: time.Second}; o.LimitsFailOpen = &open }
	}
	inBubble(t, defs(task("open", echo, limit(true)), task("closed", echo, limit(false))), func(r *rig) {
		w := r.start()
		r.faults.Fail("Broker.Admit", -1, runtimetest.Unavailable)
		r.ended(r.enqueue(runtime.Request{Name: "open"}), runtime.StateSucceeded)
		closed := r.enqueue(runtime.Request{Name: "closed"})
		rec := r.at(closed, runtime.PlaceDelayed)
		if rec.Attempt != 0 || rec.State != runtime.StateQueued {
			t.Errorf("state %s, attempt %d", rec.State, rec.Attempt)
		}
		<-time.After(10 * time.Second)
		if n := r.faults.Calls("Broker.Admit"); n > 12 {
			t.Errorf("%d calls of Admit", n)
		}
		r.faults.Lift("")
		r.ended(closed, runtime.StateSucceeded)
		w.stop(runtime.DrainWarm)
	})
}

// Fault 23, W29: a task that keeps killing its workers ends as poison; those
// that were merely prefetched beside it do not.
func TestPoison(t *testing.T) {
	inBubble(t, defs(task("x", sleeper(newRan()))), func(r *rig) {
		poison := r.enqueue(runtime.Request{Name: "x", Args: seconds("1000")})
		innocent := r.enqueue(runtime.Request{Name: "x", Args: seconds("1")})
		var corpses []*running
		for i := 0; r.get(poison).Place != runtime.PlaceDead; i++ {
			if i == 8 {
				t.Fatalf("still %s after %d losses", r.get(poison).Place, r.get(poison).Losses)
			}
			// A worker that takes both and dies with them: all it says from then
			// on gets lost, and the next one takes back what it held.
			dead := r.startCut(func(o *worker.Options) { o.Concurrency, o.Prefetch = 1, 1; o.MaxLosses = 3 })
			r.until("it runs", func() bool { return r.get(poison).Place == runtime.PlaceLeased && dead.State().Active == 1 })
			dead.cut()
			corpses = append(corpses, dead.running)
			<-time.After(11 * time.Second)
			if _, err := r.store.Broker.Recover(r.ctx, runtime.Recover{MaxLosses: 3}); err != nil {
				t.Fatal(err)
			}
		}
		rec := r.get(poison)
		if rec.Reason != runtime.ReasonPoison || rec.Attempt != 0 || rec.Losses != 3 {
			t.Errorf("reason %s, attempt %d, losses %d", rec.Reason, rec.Attempt, rec.Losses)
		}
		w := r.start()
		if rec := r.ended(innocent, runtime.StateSucceeded); rec.Losses > 1 {
			t.Errorf("the innocent one was charged %d losses", rec.Losses)
		}
		w.stop(runtime.DrainWarm)
		for _, c := range corpses {
			c.stop(runtime.DrainHard)
		}
	})
}

// A suspect never runs unmarked, even if its limits fail open.
func TestSuspectsAreMarkedBeforeTheyRun(t *testing.T) {
	seen := newRan()
	inBubble(t, defs(task("x", sleeper(seen))), func(r *rig) {
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("1")})
		consumer := runtime.Consumer{Worker: "dead", Incarnation: "1"}
		if _, err := r.store.Broker.Receive(r.ctx, runtime.Receive{Consumer: consumer, Queues: []runtime.QueueShare{{Queue: runtime.DefaultQueue}}, Max: 1, Lease: time.Second}); err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * time.Second)
		r.faults.Fail("Broker.Admit", -1, runtimetest.Unavailable)
		w := r.start()
		<-time.After(10 * time.Second)
		synctest.Wait()
		if seen.contains(id) {
			t.Error("it ran unmarked")
		}
		r.faults.Lift("")
		if rec := r.ended(id, runtime.StateSucceeded); rec.Losses != 1 {
			t.Errorf("losses %d", rec.Losses)
		}
		w.stop(runtime.DrainWarm)
	})
}

// cutOff is a worker with faults of its own.
type cutOff struct {
	*running
	faults *runtimetest.Faults
}

func (r *rig) startCut(change func(*worker.Options)) *cutOff {
	r.t.Helper()
	shared := r.store
	defer func() { r.store = shared }()
	own, faults := runtimetest.Inject(shared)
	r.store = own
	return &cutOff{r.start(change), faults}
}

// cut lets nothing through any more, as when the process has died.
func (c *cutOff) cut() { c.faults.Fail("", -1, runtimetest.Unavailable) }

// W9: at most once. The handler starts only after the store knows, and a worker
// that dies with the task does not make it run again.
func TestEarlyAcknowledgement(t *testing.T) {
	seen := newRan()
	early := func(o *runtime.TaskOptions) { o.AcksLate = new(false) }
	inBubble(t, defs(task("x", sleeper(seen), early), task("flaky", failing(1, errBroken), early, retries(1))), func(r *rig) {
		r.faults.Fail("Broker.Settle", 3, runtimetest.Unavailable)
		w := r.start()
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("1")})
		if seen.contains(id) {
			t.Error("it runs although the store does not know")
		}
		r.ended(id, runtime.StateSucceeded)
		r.ended(r.enqueue(runtime.Request{Name: "flaky"}), runtime.StateSucceeded) // a failure that is known may be retried
		w.stop(runtime.DrainWarm)

		dead := r.startCut(func(o *worker.Options) {})
		id = r.enqueue(runtime.Request{Name: "x", Args: seconds("1000")})
		r.until("it runs", func() bool { return seen.contains(id) })
		dead.cut()
		w = r.start()
		rec := r.ended(id, runtime.StateFailed)
		if rec.Reason != runtime.ReasonWorkerLost || seen.count(id) != 1 {
			t.Errorf("reason %s, %d runs", rec.Reason, seen.count(id))
		}
		dead.stop(runtime.DrainHard)

		// Interrupted by a stop it must not run again either.
		id = r.enqueue(runtime.Request{Name: "x", Args: seconds("1000")})
		r.until("it runs", func() bool { return seen.contains(id) })
		w.stop(runtime.DrainSoft)
		if rec := r.get(id); rec.State != runtime.StateFailed || rec.Reason != runtime.ReasonWorkerLost {
			t.Errorf("interrupted: %s, %s", rec.State, rec.Reason)
		}
	})
}

// An acknowledgement that comes too late keeps the handler from starting.
func TestEarlyAcknowledgementOfALostTask(t *testing.T) {
	seen := newRan()
	early := func(o *runtime.TaskOptions) { o.AcksLate = new(false) }
	inBubble(t, defs(task("x", sleeper(seen), early)), func(r *rig) {
		slow := r.startCut(func(o *worker.Options) {})
		slow.faults.Fail("Broker.Extend", -1, runtimetest.Unavailable)
		slow.faults.Delay("Broker.Settle", -1, 20*time.Second)
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("1")})
		r.at(id, runtime.PlaceLeased)
		slow.faults.Fail("Broker.Receive", -1, runtimetest.Unavailable)
		w := r.start(func(o *worker.Options) { o.Concurrency = 1 })
		r.ended(id, runtime.StateSucceeded)
		<-time.After(time.Minute)
		synctest.Wait()
		if n := seen.count(id); n != 1 {
			t.Errorf("it ran %d times", n)
		}
		w.stop(runtime.DrainWarm)
		slow.stop(runtime.DrainHard)
	})
}

// An operator's limit holds for tasks that declare none.
func TestLimitsOrderedByAnOperator(t *testing.T) {
	inBubble(t, defs(task("x", echo)), func(r *rig) {
		w := r.start()
		r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateSucceeded)
		order := func(l runtime.LimitUse) {
			if err := r.store.Limits.Set(r.ctx, []runtime.LimitUse{l}); err != nil {
				t.Fatal(err)
			}
			w.Apply(r.ctx, runtime.Command{Type: runtime.CommandRefresh})
			synctest.Wait()
		}
		order(runtime.LimitUse{Key: "task:x", Rate: 1, Per: time.Hour})
		r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateSucceeded)
		r.at(r.enqueue(runtime.Request{Name: "x"}), runtime.PlaceDelayed)
		order(runtime.LimitUse{Key: "task:x"}) // lifted
		r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateSucceeded)
		w.stop(runtime.DrainWarm)
	})
}

// lateVerdicts gives the answer of Admit long after it took effect.
type lateVerdicts struct{ runtime.Broker }

func (b lateVerdicts) Admit(ctx context.Context, c runtime.Consumer, as []runtime.Admission) ([]runtime.Verdict, error) {
	vs, err := b.Broker.Admit(ctx, c, as)
	<-time.After(20 * time.Second)
	return vs, err
}

// A renewal that finds the lease of a task gone which is just being put off does
// not take it for lost.
func TestADeferralIsNotALostLease(t *testing.T) {
	limit := func(o *runtime.TaskOptions) { o.Rate = &runtime.Rate{N: 1, Per: time.Hour} }
	heard := make(chan runtime.SignalName, 10)
	signals := &runtime.Signals{}
	for _, name := range []runtime.SignalName{runtime.SignalDeferred, runtime.SignalLeaseLost} {
		signals.Listen(name, 0, func(_ context.Context, s runtime.Signal) { heard <- s.Name })
	}
	inBubble(t, defs(task("x", echo, limit)), func(r *rig) {
		r.store.Broker = lateVerdicts{r.store.Broker}
		w := r.start(func(o *worker.Options) { o.Concurrency = 1; o.Signals = signals })
		r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateSucceeded)
		r.at(r.enqueue(runtime.Request{Name: "x"}), runtime.PlaceDelayed)
		r.until("the worker knows", func() bool { return w.State().Active == 0 })
		w.stop(runtime.DrainWarm)
	})
	if len(heard) != 1 {
		t.Fatalf("heard %d signals, want one", len(heard))
	}
	if name := <-heard; name != runtime.SignalDeferred {
		t.Errorf("heard %s", name)
	}
}
