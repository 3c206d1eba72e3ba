package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/runtimetest"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// W8: whatever happens, a worker never runs more than its slots nor holds more
// than its slots and its prefetch.
func TestPrefetchIsStrict(t *testing.T) {
	for _, c := range []struct{ concurrency, prefetch int }{{1, -1}, {3, -1}, {3, 2}, {5, 20}} {
		t.Run(fmt.Sprintf("%d slots, prefetch %d", c.concurrency, c.prefetch), func(t *testing.T) {
			inBubble(t, defs(task("x", unset)), func(r *rig) {
				var now, most atomic.Int64
				r.redefine("x", func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
					n := now.Add(1)
					defer now.Add(-1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					return nil, nap(ctx, time.Duration(1+len(t.ID)%3)*time.Second)
				})
				ids := r.enqueueN("x", 60)
				w := r.start(func(o *worker.Options) { o.Concurrency = c.concurrency; o.Prefetch = c.prefetch })
				limit := int64(c.concurrency + max(c.prefetch, 0))
				r.until("all are done", func() bool {
					if n := r.stat().Leased; n > limit {
						t.Fatalf("%d tasks are held, the limit is %d", n, limit)
					}
					return r.get(ids[59]).State.Terminal() && r.stat().Leased == 0
				})
				if most.Load() != int64(c.concurrency) {
					t.Errorf("%d ran at once, want %d", most.Load(), c.concurrency)
				}
				w.stop(runtime.DrainWarm)
			})
		})
	}
}

// The adaptive prefetch leaves long tasks in the store, for whoever is free.
func TestPrefetchLeavesLongTasksToOthers(t *testing.T) {
	inBubble(t, defs(task("x", sleeper(newRan()))), func(r *rig) {
		for range 20 {
			r.enqueue(runtime.Request{Name: "x", Args: seconds("60")})
		}
		w := r.start(func(o *worker.Options) { o.Concurrency = 2 })
		most := int64(0)
		r.until("all are done", func() bool {
			most = max(most, r.stat().Leased)
			return r.stat().Succeeded == 20
		})
		// Two run, one waits for a slot, and the last two may still be on their
		// way to being settled.
		if most > 5 {
			t.Errorf("%d tasks were held with two slots", most)
		}
		w.stop(runtime.DrainWarm)
	})
}

// A slow store must not make slots idle between short tasks.
func TestPrefetchGrowsForShortTasks(t *testing.T) {
	inBubble(t, defs(task("x", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
		return nil, nap(ctx, time.Millisecond)
	})), func(r *rig) {
		r.enqueueN("x", 3000)
		r.faults.Delay("Broker.Receive", -1, 5*time.Millisecond)
		r.faults.Delay("Broker.Settle", -1, 5*time.Millisecond)
		w := r.start(func(o *worker.Options) { o.Concurrency = 2 })
		r.until("all are done", func() bool { return r.stat().Succeeded == 3000 })
		if n := r.faults.Calls("Broker.Receive"); n > 300 {
			t.Errorf("%d calls of Receive for 3000 tasks", n)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestPausedQueuesAreLeftAlone(t *testing.T) {
	seen := newRan()
	inBubble(t, defs(task("x", sleeper(seen))), func(r *rig) {
		pause := func(queue string, lifted bool, expires time.Time) {
			if _, err := r.store.Directives.Put(r.ctx, []runtime.Directive{{Kind: runtime.DirectivePause, Subject: queue, Lifted: lifted, Expires: expires}}); err != nil {
				t.Fatal(err)
			}
		}
		in := func(queue, secs string) string {
			return r.enqueue(runtime.Request{Name: "x", Args: seconds(secs), Options: runtime.TaskOptions{Queue: &queue}})
		}
		pause("a", false, time.Time{})
		w := r.start(func(o *worker.Options) {
			o.Queues = []runtime.QueueShare{{Queue: "a"}, {Queue: "b"}}
			o.Concurrency, o.Prefetch = 1, 3
		})
		if p := w.beat().Paused; len(p) != 1 || p[0] != "a" {
			t.Errorf("paused at the start: %v", p)
		}
		a := in("a", "1")
		r.ended(in("b", "1"), runtime.StateSucceeded)
		if seen.contains(a) {
			t.Error("a task of the paused queue ran")
		}

		// A pause gives back what waits here, and does not touch what runs.
		running, waiting := in("b", "60"), in("b", "1")
		r.at(waiting, runtime.PlaceLeased)
		pause("b", false, time.Time{})
		w.Apply(r.ctx, runtime.Command{Type: runtime.CommandRefresh})
		r.at(waiting, runtime.PlaceReady)
		r.ended(running, runtime.StateSucceeded)
		<-time.After(time.Minute)
		synctest.Wait()
		if seen.contains(waiting) || seen.contains(a) {
			t.Error("a task of a paused queue ran")
		}

		pause("a", true, time.Time{})
		r.ended(a, runtime.StateSucceeded)
		pause("b", false, time.Now().Add(time.Minute)) // a pause that ends by itself
		r.ended(waiting, runtime.StateSucceeded)
		w.stop(runtime.DrainWarm)
	})
}

// A worker that cannot read the directives takes nothing: a queue may be paused.
func TestNothingIsTakenBeforeTheDirectivesAreKnown(t *testing.T) {
	seen := newRan()
	inBubble(t, defs(task("x", sleeper(seen))), func(r *rig) {
		if _, err := r.store.Directives.Put(r.ctx, []runtime.Directive{{Kind: runtime.DirectivePause, Subject: runtime.DefaultQueue}}); err != nil {
			t.Fatal(err)
		}
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("1")})
		r.faults.Fail("Directives.Since", 5, runtimetest.Unavailable)
		w := r.start()
		if st := w.State(); st.Ready {
			t.Errorf("state is %+v", st)
		}
		<-time.After(time.Minute)
		if seen.contains(id) || len(w.beat().Paused) != 1 {
			t.Errorf("it ran: %v; paused: %v", seen.contains(id), w.beat().Paused)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestUnknownTasksAreParkedForWhoKnowsThem(t *testing.T) {
	inBubble(t, defs(task("known", echo)), func(r *rig) {
		w := r.start(func(o *worker.Options) { o.Concurrency = 1 })
		id := r.enqueue(runtime.Request{Name: "elsewhere"})
		rec := r.at(id, runtime.PlaceParked)
		if rec.Reason != runtime.ReasonUnknown || rec.Attempt != 0 {
			t.Errorf("reason %s, attempt %d", rec.Reason, rec.Attempt)
		}
		<-time.After(time.Minute)
		if rec := r.get(id); rec.Place != runtime.PlaceParked || rec.Deliveries != 1 {
			t.Errorf("it is %s after %d deliveries", rec.Place, rec.Deliveries)
		}
		r.ended(r.enqueue(runtime.Request{Name: "known"}), runtime.StateSucceeded)

		reg, err := runtime.NewRegistry(task("elsewhere", echo))
		if err != nil {
			t.Fatal(err)
		}
		other := r.start(func(o *worker.Options) { o.Registry = reg })
		if rec := r.ended(id, runtime.StateSucceeded); rec.Worker != other.ID() {
			t.Errorf("%s ran it", rec.Worker)
		}
		w.stop(runtime.DrainWarm)
		other.stop(runtime.DrainWarm)
	})
}

func TestExpiredTasksDoNotRun(t *testing.T) {
	seen := newRan()
	inBubble(t, defs(task("x", sleeper(seen))), func(r *rig) {
		id := r.enqueue(runtime.Request{Name: "x", Args: seconds("0"), Options: runtime.TaskOptions{Expires: new(time.Minute)}})
		<-time.After(2 * time.Minute)
		w := r.start()
		if rec := r.ended(id, runtime.StateCancelled); rec.Reason != runtime.ReasonExpired || seen.contains(id) {
			t.Errorf("reason %s, ran: %v", rec.Reason, seen.contains(id))
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestDelayedTasksStartInTime(t *testing.T) {
	inBubble(t, defs(task("x", func(context.Context, *runtime.Task) (json.RawMessage, error) {
		return json.Marshal(time.Now())
	})), func(r *rig) {
		w := r.start()
		due := time.Now().Add(90 * time.Second)
		var at time.Time
		if err := json.Unmarshal(r.body(r.ended(r.enqueue(runtime.Request{Name: "x", At: due}), runtime.StateSucceeded)).Payload, &at); err != nil {
			t.Fatal(err)
		}
		if late := at.Sub(due); late < 0 || late > 100*time.Millisecond {
			t.Errorf("it started %s after it was due", late)
		}
		w.stop(runtime.DrainWarm)
	})
}

// Arguments that cannot be decoded send the task to the dead letters, whatever
// its retries, and with the error links; W33, fault 6.
func TestUndecodableArguments(t *testing.T) {
	seen := newRan()
	inBubble(t, defs(task("x", sleeper(seen), retries(3)), task("echo", echo)), func(r *rig) {
		w := r.start()
		p, err := r.client.Prepare(r.ctx, runtime.Request{Name: "x", LinkError: []runtime.Request{{Name: "echo", ID: "sorry"}}})
		if err != nil {
			t.Fatal(err)
		}
		p.Envelope.Headers = map[string]string{runtime.HeaderArgsEncoder: "rot13"}
		if _, err := r.store.Broker.Publish(r.ctx, &runtime.Effects{Publish: []runtime.Publication{p}}); err != nil {
			t.Fatal(err)
		}
		rec := r.ended(p.Envelope.ID, runtime.StateFailed)
		if rec.Reason != runtime.ReasonDecode || !strings.Contains(rec.Error, "rot13") || seen.contains(rec.ID) || rec.Attempt != 0 {
			t.Errorf("reason %s, error %q", rec.Reason, rec.Error)
		}
		r.ended("sorry", runtime.StateSucceeded)
		w.stop(runtime.DrainWarm)
	})
}

// W22: the handler sees plain arguments, however they travelled.
func TestArgumentsAreDecoded(t *testing.T) {
	zip := func(o *runtime.TaskOptions) { o.Encoding = new("gzip") }
	inBubble(t, defs(task("echo", echo, zip)), func(r *rig) {
		w := r.start()
		id := r.enqueue(runtime.Request{Name: "echo", Args: json.RawMessage(`{"text":"` + strings.Repeat("x", 1000) + `"}`)})
		if got := r.body(r.ended(id, runtime.StateSucceeded)).Payload; len(got) != 1011 {
			t.Errorf("the handler saw %s", got)
		}
		w.stop(runtime.DrainWarm)
	})
}

// deliveries puts made-up deliveries before those of the store.
type deliveries struct {
	runtime.Broker
	first chan []runtime.Delivery
}

func (d deliveries) Receive(ctx context.Context, q runtime.Receive) ([]runtime.Delivery, error) {
	select {
	case ds := <-d.first:
		return ds, nil
	default:
		return d.Broker.Receive(ctx, q)
	}
}

// Fault 6 and 7: an envelope that cannot be read ends as a dead letter and does
// not spoil its batch; one that a newer stem wrote is left to newer workers.
func TestUnreadableEnvelopes(t *testing.T) {
	inBubble(t, defs(task("echo", echo)), func(r *rig) {
		ids := r.enqueueN("echo", 3)
		ds, err := r.store.Broker.Receive(r.ctx, runtime.Receive{
			Consumer: runtime.Consumer{Worker: "w", Incarnation: "1"}, Queues: []runtime.QueueShare{{Queue: runtime.DefaultQueue}}, Max: 3, Lease: time.Hour,
		})
		if err != nil || len(ds) != 3 {
			t.Fatal(ds, err)
		}
		ds[0].Envelope, ds[0].Raw, ds[0].Err = nil, []byte("{"), runtime.Errorf(runtime.CodeCorrupt, "decode envelope: unexpected end")
		ds[1].Envelope, ds[1].Raw, ds[1].Err = nil, []byte("{}"), runtime.Errorf(runtime.CodeIncompatible, "decode envelope: version 99")
		settled := &settlements{Broker: r.store.Broker, as: runtime.Consumer{Worker: "w", Incarnation: "1"}}
		b := deliveries{settled, make(chan []runtime.Delivery, 1)}
		b.first <- ds
		r.store.Broker = b
		w := r.start()
		r.ended(ids[2], runtime.StateSucceeded)
		rec := r.ended(ids[0], runtime.StateFailed)
		if rec.Reason != runtime.ReasonDecode || rec.Error != "decode envelope: unexpected end" || r.body(rec).Error == nil {
			t.Errorf("reason %s, error %q", rec.Reason, rec.Error)
		}
		rec = r.at(ids[1], runtime.PlaceDelayed)
		if wait := time.Until(rec.DueAt); wait < 20*time.Second || rec.Attempt != 0 {
			t.Errorf("it comes back in %s, attempt %d", wait, rec.Attempt)
		}
		w.stop(runtime.DrainHard)
	})
}

// settlements settles in the name of another consumer.
type settlements struct {
	runtime.Broker
	as runtime.Consumer
}

func (s *settlements) Settle(ctx context.Context, _ runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
	return s.Broker.Settle(ctx, s.as, ss)
}
