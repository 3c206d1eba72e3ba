package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/runtimetest"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// loaded starts a worker with two slots that both run tasks of n seconds, and
// two more tasks waiting in its prefetch.
func loaded(r *rig, n string) (w *running, run, waiting []string) {
	r.t.Helper()
	w = r.start(func(o *worker.Options) { o.Concurrency, o.Prefetch = 2, 2; o.SoftGrace = 20 * time.Second })
	var ids []string
	for range 4 {
		ids = append(ids, r.enqueue(runtime.Request{Name: "x", Args: seconds(n)}))
	}
	r.at(ids[3], runtime.PlaceLeased)
	r.until("both slots are taken", func() bool { return w.State().Active == 2 })
	return w, ids[:2], ids[2:]
}

// untouched checks that a task is back in the line as if nobody had had it: no
// attempt charged, no lease to wait for.
func untouched(r *rig, ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		if rec := r.get(id); rec.Place != runtime.PlaceReady || rec.State != runtime.StateQueued || rec.Attempt != 0 || rec.Losses != 0 {
			r.t.Errorf("task is %s in %s, attempt %d, losses %d", rec.State, rec.Place, rec.Attempt, rec.Losses)
		}
	}
}

// Fault 20: what waits goes back at once, what runs finishes.
func TestWarmDrain(t *testing.T) {
	seen := newRan()
	inBubble(t, defs(task("x", sleeper(seen))), func(r *rig) {
		w, run, waiting := loaded(r, "100")
		ctx, cancel := context.WithTimeout(r.ctx, time.Second)
		defer cancel()
		if err := w.Drain(ctx, runtime.DrainWarm); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("drain returned %v while tasks ran", err)
		}
		synctest.Wait()
		untouched(r, waiting...)
		if st := w.State(); st.Draining != runtime.DrainWarm || st.Ready || st.Active != 2 {
			t.Errorf("state is %+v", st)
		}
		if h := w.beat(); h.State != "draining" {
			t.Errorf("heartbeat says %s", h.State)
		}
		w.stop(runtime.DrainWarm)
		for _, id := range run {
			if rec := r.get(id); rec.State != runtime.StateSucceeded || seen.count(id) != 1 {
				t.Errorf("task is %s after %d runs", rec.State, seen.count(id))
			}
		}
		if len(seen.all()) != 2 {
			t.Errorf("%d tasks ran", len(seen.all()))
		}
	})
}

// W7: interrupted tasks go back and cost nothing.
func TestSoftDrain(t *testing.T) {
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		causes := make(chan error, 2)
		r.redefine("x", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
			defer func() { causes <- context.Cause(ctx) }()
			return nil, nap(ctx, time.Hour)
		})
		w, run, waiting := loaded(r, "100")
		began := time.Now()
		w.stop(runtime.DrainSoft)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
		untouched(r, append(run, waiting...)...)
		for range run {
			if cause := <-causes; !errors.Is(cause, runtime.CauseShutdown) {
				t.Errorf("cause is %v", cause)
			}
		}
	})
}

// An interruption is no failure: error middleware does not see it, nor can it
// turn it into a success.
func TestInterruptionsAreNoFailures(t *testing.T) {
	swallow := runtime.Middleware{Error: func(context.Context, *runtime.Task, error) error { return nil }}
	inBubble(t, defs(task("x", sleeper(newRan()))), func(r *rig) {
		w := r.start(func(o *worker.Options) { o.Middleware = []runtime.Middleware{swallow} })
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("100")})
		r.until("it runs", func() bool { return w.State().Active == 1 })
		w.stop(runtime.DrainSoft)
		untouched(r, id)
	})
}

// A handler whose lease is lost and that ignores it holds up no drain.
func TestWarmDrainDoesNotWaitForTheLost(t *testing.T) {
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		release := make(chan struct{})
		r.redefine("x", func(context.Context, *runtime.Task) (json.RawMessage, error) {
			<-release
			return nil, nil
		})
		w := r.start(func(o *worker.Options) { o.Concurrency = 1 })
		id := r.enqueue(runtime.Request{Name: "x"})
		r.at(id, runtime.PlaceLeased)
		frozen(r, w)
		r.faults.Lift("")
		r.until("the loss is known", func() bool { return w.beat().LeaseLost == 1 })
		began := time.Now()
		w.stop(runtime.DrainWarm)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
		close(release)
	})
}

// Jobs that are between their slot and their handler, waiting for an answer of
// the store, are not started any more.
func TestDrainBeforeTheHandlerStarts(t *testing.T) {
	for _, mode := range []runtime.DrainMode{runtime.DrainSoft, runtime.DrainHard} {
		t.Run(mode.String(), func(t *testing.T) {
			seen := newRan()
			limited := func(o *runtime.TaskOptions) { o.Rate = &runtime.Rate{N: 100, Per: time.Second} }
			inBubble(t, defs(task("x", sleeper(seen), limited)), func(r *rig) {
				r.faults.Delay("Broker.Admit", -1, 5*time.Second)
				w := r.start()
				id := r.enqueue(runtime.Request{Name: "x", Args: seconds("1")})
				r.at(id, runtime.PlaceLeased)
				w.stop(mode)
				untouched(r, id)
				if seen.contains(id) {
					t.Error("it ran")
				}
			})
		})
	}
}

// The same for one that is to run at most once: it has not begun, so it goes
// back.
func TestHardDrainBeforeAnEarlyTaskStarts(t *testing.T) {
	seen := newRan()
	early := func(o *runtime.TaskOptions) { o.AcksLate = new(false) }
	inBubble(t, defs(task("x", sleeper(seen), early)), func(r *rig) {
		r.faults.Delay("Broker.Settle", 1, time.Hour)
		w := r.start()
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("1")})
		r.at(id, runtime.PlaceLeased)
		w.stop(runtime.DrainHard)
		untouched(r, id)
		if seen.contains(id) {
			t.Error("it ran")
		}
	})
}

// A handler that finishes its work all the same has succeeded.
func TestSoftDrainKeepsWhatSucceeds(t *testing.T) {
	inBubble(t, defs(task("x", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
		<-ctx.Done()
		<-time.After(5 * time.Second)
		return json.RawMessage(`1`), nil
	})), func(r *rig) {
		w, run, _ := loaded(r, "100")
		w.stop(runtime.DrainSoft)
		for _, id := range run {
			if rec := r.get(id); rec.State != runtime.StateSucceeded {
				t.Errorf("task is %s", rec.State)
			}
		}
	})
}

// A handler that ignores its context is abandoned after the grace period; the
// fence keeps its late result out.
func TestSoftDrainAbandonsTheDeaf(t *testing.T) {
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		release := make(chan struct{})
		r.redefine("x", func(context.Context, *runtime.Task) (json.RawMessage, error) {
			<-release
			return json.RawMessage(`"late"`), nil
		})
		w, run, waiting := loaded(r, "100")
		began := time.Now()
		w.stop(runtime.DrainSoft)
		if took := time.Since(began).Round(time.Second); took != 20*time.Second {
			t.Errorf("it took %s, the grace period is 20s", took)
		}
		untouched(r, append(run, waiting...)...)
		close(release)
		synctest.Wait()
		untouched(r, append(run, waiting...)...)
	})
}

func TestHardDrain(t *testing.T) {
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		release := make(chan struct{})
		r.redefine("x", func(context.Context, *runtime.Task) (json.RawMessage, error) {
			<-release
			return nil, nil
		})
		w, run, waiting := loaded(r, "100")
		began := time.Now()
		w.stop(runtime.DrainHard)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
		untouched(r, append(run, waiting...)...)
		close(release)
	})
}

func TestDrainsEscalate(t *testing.T) {
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		release := make(chan struct{})
		cancelled := make(chan bool, 2)
		r.redefine("x", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
			<-ctx.Done()
			cancelled <- true
			<-release
			return nil, ctx.Err()
		})
		w, run, waiting := loaded(r, "100")
		go w.Drain(context.Background(), runtime.DrainWarm)
		<-time.After(time.Minute)
		if len(cancelled) != 0 {
			t.Error("a warm drain cancelled a handler")
		}
		go w.Drain(context.Background(), runtime.DrainSoft)
		<-time.After(time.Second)
		if len(cancelled) != 2 {
			t.Errorf("a soft drain cancelled %d handlers", len(cancelled))
		}
		go w.Drain(context.Background(), runtime.DrainWarm) // softer: no effect
		w.stop(runtime.DrainHard)
		untouched(r, append(run, waiting...)...)
		close(release)
	})
}

// A stuck handler, whose task is settled, holds up no drain.
func TestWarmDrainDoesNotWaitForTheStuck(t *testing.T) {
	inBubble(t, defs(task("x", unset, hard(time.Second))), func(r *rig) {
		release := make(chan struct{})
		r.redefine("x", func(context.Context, *runtime.Task) (json.RawMessage, error) {
			<-release
			return nil, nil
		})
		w := r.start()
		r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateFailed)
		began := time.Now()
		w.stop(runtime.DrainWarm)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
		close(release)
	})
}

// With the store away a drain gives up when the leases are over: the tasks then
// go to others by themselves, without an attempt charged.
func TestDrainWithoutAStoreEnds(t *testing.T) {
	for _, mode := range []runtime.DrainMode{runtime.DrainWarm, runtime.DrainSoft, runtime.DrainHard} {
		t.Run(mode.String(), func(t *testing.T) {
			inBubble(t, defs(task("x", sleeper(newRan()))), func(r *rig) {
				w, run, waiting := loaded(r, "1")
				r.faults.Fail("", -1, runtimetest.Unavailable)
				began := time.Now()
				w.stop(mode)
				if took := time.Since(began); took > 13*time.Second || mode == runtime.DrainHard && took > 4*time.Second {
					t.Errorf("it took %s", took)
				}
				r.faults.Lift("")
				other := r.start()
				for _, id := range append(run, waiting...) {
					if rec := r.ended(id, runtime.StateSucceeded); rec.Attempt != 0 {
						t.Errorf("attempt %d was charged", rec.Attempt)
					}
				}
				other.stop(runtime.DrainWarm)
			})
		})
	}
}

// An outage in the middle of a drain delays it, no more.
func TestDrainOutlivesAShortOutage(t *testing.T) {
	inBubble(t, defs(task("x", sleeper(newRan()))), func(r *rig) {
		w, run, waiting := loaded(r, "1")
		r.faults.Fail("Broker.Settle", 3, runtimetest.Unavailable)
		w.stop(runtime.DrainWarm)
		untouched(r, waiting...)
		for _, id := range run {
			if rec := r.get(id); rec.State != runtime.StateSucceeded {
				t.Errorf("task is %s", rec.State)
			}
		}
	})
}

// A store that refuses the worker for good ends its Run, warm and with the
// reason.
func TestRunEndsWhenTheStoreRefuses(t *testing.T) {
	inBubble(t, defs(task("x", sleeper(newRan()))), func(r *rig) {
		w := r.start(func(o *worker.Options) { o.Concurrency = 2 })
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("60")})
		r.at(id, runtime.PlaceLeased)
		r.faults.Fail("Broker.Receive", -1, runtime.Errorf(runtime.CodeInvalid, "no such thing"))
		if err := <-w.done; !errors.Is(err, runtime.ErrInvalid) {
			t.Errorf("run: %v", err)
		}
		if rec := r.get(id); rec.State != runtime.StateSucceeded {
			t.Errorf("task is %s", rec.State)
		}
	})
}
