package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/runtimetest"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// sleeper naps for as long as its argument says and notes each run.
func sleeper(seen *ran) runtime.HandlerFunc {
	return func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
		seen.note(t.ID)
		var a struct{ Seconds float64 }
		if err := json.Unmarshal(t.Args, &a); err != nil {
			return nil, err
		}
		return nil, nap(ctx, time.Duration(a.Seconds*float64(time.Second)))
	}
}

func seconds(n string) json.RawMessage { return json.RawMessage(`{"seconds":` + n + `}`) }

// W4: a task that outlives many leases runs once, also one with a visibility
// timeout of its own, and one that waits in the prefetch.
func TestLeasesAreRenewed(t *testing.T) {
	seen := newRan()
	brief := func(o *runtime.TaskOptions) { o.VisibilityTimeout = new(time.Second) }
	inBubble(t, defs(task("long", sleeper(seen)), task("brief", sleeper(seen), brief)), func(r *rig) {
		w := r.start(func(o *worker.Options) { o.Concurrency = 2; o.Prefetch = 2 })
		other := r.start() // would take what is lost
		ids := []string{
			r.enqueue(runtime.Request{Name: "long", Args: seconds("100")}),
			r.enqueue(runtime.Request{Name: "brief", Args: seconds("30")}),
			r.enqueue(runtime.Request{Name: "brief", Args: seconds("30")}),
			r.enqueue(runtime.Request{Name: "brief", Args: seconds("30")}),
		}
		for _, id := range ids {
			rec := r.ended(id, runtime.StateSucceeded)
			if seen.count(id) != 1 || rec.Deliveries != 1 {
				t.Errorf("task ran %d times in %d deliveries", seen.count(id), rec.Deliveries)
			}
		}
		w.stop(runtime.DrainWarm)
		other.stop(runtime.DrainWarm)
	})
}

func TestIdleWorkerRenewsNothing(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		w := r.start()
		<-time.After(time.Minute)
		if n := r.faults.Calls("Broker.Extend"); n != 0 {
			t.Errorf("%d calls", n)
		}
		w.stop(runtime.DrainWarm)
	})
}

// frozen cuts a worker off: the store does not see its renewals, as when the
// process is stopped, and the task goes to another.
func frozen(r *rig, w *running) {
	r.t.Helper()
	r.faults.Fail("Broker.Extend", -1, runtimetest.Unavailable)
	<-time.After(12 * time.Second)
	synctest.Wait()
}

// W13, faults 2 and 4: the lease of a worker that froze goes to another. What
// the first one settles on waking is refused and counted; the task ends once.
func TestSettleAfterTheLeaseIsRefused(t *testing.T) {
	var mu sync.Mutex
	runs := 0
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		r.redefine("x", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
			mu.Lock()
			runs++
			mine := runs
			mu.Unlock()
			if mine == 1 {
				<-time.After(15 * time.Second) // past the lease, deaf to its context
			}
			return json.Marshal(mine)
		})
		signals := &runtime.Signals{}
		lost := 0
		signals.Listen(runtime.SignalLeaseLost, 0, func(context.Context, runtime.Signal) { lost++ })
		w := r.start(func(o *worker.Options) { o.Concurrency = 1; o.Signals = signals })
		id := r.enqueue(runtime.Request{Name: "x"})
		r.at(id, runtime.PlaceLeased)
		r.faults.Fail("Broker.Receive", -1, runtimetest.Unavailable)
		frozen(r, w)
		r.faults.Lift("Broker.Receive")

		rec := r.ended(id, runtime.StateSucceeded)
		if got := string(r.body(rec).Payload); got != "2" {
			t.Errorf("stored result is of run %s", got)
		}
		if rec.Deliveries != 2 || rec.Attempt != 0 {
			t.Errorf("deliveries %d, attempt %d", rec.Deliveries, rec.Attempt)
		}
		r.until("the loss is counted", func() bool { return w.beat().LeaseLost == 1 })
		if lost != 1 {
			t.Errorf("%d signals", lost)
		}
		w.stop(runtime.DrainWarm)
	})
}

// A renewal that finds the lease gone cancels the handler with that cause.
func TestLostLeaseCancelsTheHandler(t *testing.T) {
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		causes := make(chan error, 2)
		after := make(chan error, 2)
		first := true
		r.redefine("x", func(ctx context.Context, task *runtime.Task) (json.RawMessage, error) {
			if !first {
				return nil, nil
			}
			first = false
			<-ctx.Done()
			causes <- context.Cause(ctx)
			after <- errors.Join(task.Host.Progress(ctx, 50, nil), task.Host.Extend(ctx, time.Second))
			_, err := task.Host.Enqueue(ctx, []runtime.Request{{Name: "x"}})
			after <- err
			return nil, errBroken
		})
		w := r.start()
		other := r.start()
		id := r.enqueue(runtime.Request{Name: "x"})
		r.at(id, runtime.PlaceLeased)
		frozen(r, w)
		r.faults.Lift("")
		r.ended(id, runtime.StateSucceeded)
		if cause := <-causes; !errors.Is(cause, runtime.CauseLeaseLost) {
			t.Errorf("cause is %v", cause)
		}
		for range 2 {
			if err := <-after; !errors.Is(err, runtime.ErrLeaseLost) {
				t.Errorf("the host answered %v", err)
			}
		}
		r.until("the loss is counted", func() bool { return w.beat().LeaseLost+other.beat().LeaseLost == 1 })
		w.stop(runtime.DrainWarm)
		other.stop(runtime.DrainWarm)
	})
}

// W35: the second delivery of a task may reach the worker while its handler for
// the first still runs.
func TestSameTaskTwiceInOneWorker(t *testing.T) {
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		release := make(chan struct{})
		runs := make(chan int, 2)
		n := 0
		r.redefine("x", func(context.Context, *runtime.Task) (json.RawMessage, error) {
			n++
			mine := n
			runs <- mine
			if mine == 1 {
				<-release
			}
			return json.Marshal(mine)
		})
		w := r.start(func(o *worker.Options) { o.Concurrency = 2; o.Prefetch = -1 })
		id := r.enqueue(runtime.Request{Name: "x"})
		<-runs
		frozen(r, w)
		<-runs
		if rec := r.ended(id, runtime.StateSucceeded); string(r.body(rec).Payload) != "2" {
			t.Errorf("result is %s", r.body(rec).Payload)
		}
		r.faults.Lift("")
		if got := w.State().Active; got != 1 {
			t.Errorf("%d slots are taken, want that of the first run", got)
		}
		close(release)
		r.until("the slots are free", func() bool { return w.State().Active == 0 && w.beat().Inflight == 0 })
		w.stop(runtime.DrainWarm)
	})
}

// extensions notes what is asked of Extend.
type extensions struct {
	runtime.Broker
	until chan time.Time
}

func (e extensions) Extend(ctx context.Context, c runtime.Consumer, held []runtime.Lease, lease time.Duration) (runtime.Extended, error) {
	for _, l := range held {
		e.until <- l.Until
	}
	return e.Broker.Extend(ctx, c, held, lease)
}

// What a handler asked for is asked for again with each renewal: a store may
// take a renewal at its word.
func TestExtensionsAreRepeatedByRenewals(t *testing.T) {
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		asked := extensions{r.store.Broker, make(chan time.Time, 100)}
		r.store.Broker = asked
		began := time.Now()
		r.redefine("x", func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
			if err := t.Host.Extend(ctx, 8*time.Second); err != nil {
				return nil, err
			}
			return nil, nap(ctx, 12*time.Second)
		})
		w := r.start()
		r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateSucceeded)
		close(asked.until)
		var got []time.Duration
		for until := range asked.until {
			if until.IsZero() {
				got = append(got, 0)
			} else {
				got = append(got, until.Sub(began).Round(time.Second))
			}
		}
		if want := []time.Duration{8 * time.Second, 8 * time.Second, 8 * time.Second, 0}; !slices.Equal(got, want) {
			t.Errorf("asked for %v, want %v", got, want)
		}
		w.stop(runtime.DrainHard)
	})
}

// Fault 4: the store did it and the reply was lost. The repeat is harmless: the
// attempt is counted once, the links are enqueued once.
func TestLostReplyOfASettlement(t *testing.T) {
	inBubble(t, defs(task("x", failing(1, errBroken), retries(5)), task("after", echo)), func(r *rig) {
		w := r.start()
		r.faults.Lose("Broker.Settle", 4)
		id := r.enqueue(runtime.Request{Name: "x", Link: []runtime.Request{{Name: "after", ID: "link"}}})
		rec := r.ended(id, runtime.StateSucceeded)
		if rec.Attempt != 1 || len(r.body(rec).Attempts) != 1 || rec.Deliveries != 2 {
			t.Errorf("attempt %d of %d deliveries, history %+v", rec.Attempt, rec.Deliveries, r.body(rec).Attempts)
		}
		r.ended("link", runtime.StateSucceeded)
		if h := w.beat(); h.Succeeded != 2 || h.Retried != 1 || h.LeaseLost != 0 {
			t.Errorf("counters: %+v", h)
		}
		w.stop(runtime.DrainWarm)
	})
}

// Fault 18: a store that is away is asked at intervals, not in a loop; nothing
// is lost meanwhile, and work goes on when it returns.
func TestStoreIsAwayAndReturns(t *testing.T) {
	seen := newRan()
	inBubble(t, defs(task("x", sleeper(seen))), func(r *rig) {
		w := r.start()
		ids := []string{}
		for range 4 {
			ids = append(ids, r.enqueue(runtime.Request{Name: "x", Args: seconds("1")}))
		}
		r.at(ids[3], runtime.PlaceLeased)
		r.faults.Fail("", -1, runtimetest.Unavailable)
		before := r.faults.Calls("Broker.Receive")
		<-time.After(8 * time.Second)
		synctest.Wait()
		if st := w.State(); st.Ready || st.Reason == "" || !st.Running {
			t.Errorf("state while the store is away: %+v", st)
		}
		if n := r.faults.Calls("Broker.Receive") - before; n > 12 {
			t.Errorf("%d calls of Receive in 8 s", n)
		}
		if n := r.faults.Calls("Broker.Settle"); n > 30 {
			t.Errorf("%d calls of Settle in 8 s", n)
		}
		r.faults.Lift("")
		for _, id := range ids {
			if rec := r.ended(id, runtime.StateSucceeded); seen.count(id) != 1 || rec.Deliveries != 1 {
				t.Errorf("task ran %d times", seen.count(id))
			}
		}
		r.until("the worker is ready again", func() bool { return w.State().Ready })
		w.stop(runtime.DrainWarm)
	})
}

// W36: a handler can ask for more time than its own visibility timeout; the
// request outlives the renewals.
func TestHandlerExtendsItsLease(t *testing.T) {
	inBubble(t, defs(task("x", unset, func(o *runtime.TaskOptions) { o.VisibilityTimeout = new(2 * time.Second) })), func(r *rig) {
		r.redefine("x", func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
			if err := t.Host.Extend(ctx, -time.Second); !errors.Is(err, runtime.ErrInvalid) {
				return nil, errors.New("a negative extension was accepted")
			}
			if err := t.Host.Extend(ctx, time.Minute); err != nil {
				return nil, err
			}
			r.faults.Fail("Broker.Extend", -1, runtimetest.Unavailable)
			return nil, nap(ctx, 50*time.Second)
		})
		w := r.start()
		other := r.start()
		rec := r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateSucceeded)
		if rec.Deliveries != 1 {
			t.Errorf("%d deliveries", rec.Deliveries)
		}
		r.faults.Lift("")
		w.stop(runtime.DrainWarm)
		other.stop(runtime.DrainWarm)
	})
}

func TestRevocationOfRunningTasks(t *testing.T) {
	seen := newRan()
	inBubble(t, defs(task("x", sleeper(seen)), task("flaky", unset, retries(3))), func(r *rig) {
		r.redefine("flaky", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
			<-time.After(20 * time.Second)
			return nil, errBroken
		})
		w := r.start()
		cancel := func(id string, terminate bool) {
			if _, err := r.store.Broker.Cancel(r.ctx, []runtime.Revocation{{TaskID: id, Reason: "not needed", By: "ann", Terminate: terminate}}); err != nil {
				t.Fatal(err)
			}
		}
		killed := r.enqueue(runtime.Request{Name: "x", Args: seconds("1000")})
		left := r.enqueue(runtime.Request{Name: "x", Args: seconds("20")})
		flaky := r.enqueue(runtime.Request{Name: "flaky"})
		r.at(flaky, runtime.PlaceLeased)
		began := time.Now()
		cancel(killed, true)
		cancel(left, false)
		cancel(flaky, false)
		w.Apply(r.ctx, runtime.Command{Type: runtime.CommandRefresh})
		rec := r.ended(killed, runtime.StateCancelled)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s although the worker was told to look", took)
		}
		if rec.Reason != runtime.ReasonRevoked || rec.Error != "not needed" {
			t.Errorf("reason %s, error %q", rec.Reason, rec.Error)
		}
		r.ended(left, runtime.StateSucceeded) // it may finish
		rec = r.ended(flaky, runtime.StateCancelled)
		if rec.Attempt != 0 {
			t.Errorf("it was tried again: attempt %d", rec.Attempt)
		}
		w.stop(runtime.DrainWarm)
	})
}

// Without a hint the order arrives with the next renewal.
func TestRevocationArrivesWithoutAHint(t *testing.T) {
	inBubble(t, defs(task("x", sleeper(newRan()))), func(r *rig) {
		w := r.start()
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("1000")})
		r.at(id, runtime.PlaceLeased)
		began := time.Now()
		if _, err := r.store.Broker.Cancel(r.ctx, []runtime.Revocation{{TaskID: id, Terminate: true}}); err != nil {
			t.Fatal(err)
		}
		r.ended(id, runtime.StateCancelled)
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("it took %s", took)
		}
		w.stop(runtime.DrainWarm)
	})
}

// A task that is called off while the store is told that it begins does not.
func TestRevocationBeforeTheHandlerStarts(t *testing.T) {
	seen := newRan()
	early := func(o *runtime.TaskOptions) { o.AcksLate = new(false) }
	inBubble(t, defs(task("x", sleeper(seen), early)), func(r *rig) {
		w := r.start()
		r.faults.Delay("Broker.Settle", 1, 5*time.Second)
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("1")})
		r.at(id, runtime.PlaceLeased)
		if _, err := r.store.Broker.Cancel(r.ctx, []runtime.Revocation{{TaskID: id}}); err != nil {
			t.Fatal(err)
		}
		r.ended(id, runtime.StateCancelled)
		if seen.contains(id) {
			t.Error("it ran")
		}
		w.stop(runtime.DrainWarm)
	})
}

// A task that waits in the prefetch is ended there, it never runs.
func TestRevocationOfAWaitingTask(t *testing.T) {
	seen := newRan()
	inBubble(t, defs(task("x", sleeper(seen))), func(r *rig) {
		w := r.start(func(o *worker.Options) { o.Concurrency = 1; o.Prefetch = 1 })
		first := r.enqueue(runtime.Request{Name: "x", Args: seconds("30")})
		r.at(first, runtime.PlaceLeased)
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("30")})
		r.at(id, runtime.PlaceLeased)
		if _, err := r.store.Broker.Cancel(r.ctx, []runtime.Revocation{{TaskID: id}}); err != nil {
			t.Fatal(err)
		}
		rec := r.ended(id, runtime.StateCancelled)
		if seen.contains(id) || rec.Reason != runtime.ReasonRevoked {
			t.Errorf("it ran: %v; reason %s", seen.contains(id), rec.Reason)
		}
		if r.get(first).State != runtime.StateRunning {
			t.Error("it was ended only when a slot was free")
		}
		r.ended(first, runtime.StateSucceeded)
		w.stop(runtime.DrainWarm)
	})
}
