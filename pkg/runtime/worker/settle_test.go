package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// choking fails every call of Settle that holds what it chokes on.
type choking struct {
	runtime.Broker
	on    func(runtime.Settlement) bool
	err   error
	calls *atomic.Int32
}

func (b choking) Settle(ctx context.Context, c runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
	b.calls.Add(1)
	if slices.ContainsFunc(ss, b.on) {
		return nil, b.err
	}
	return b.Broker.Settle(ctx, c, ss)
}

// One settlement that the store chokes on is found and ends as a dead letter;
// those that shared its call end as they should, and nothing spins.
func TestOneBadSettlementDoesNotKeepTheOthers(t *testing.T) {
	const n = 40
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		together := make(chan struct{})
		r.redefine("x", func(context.Context, *runtime.Task) (json.RawMessage, error) { <-together; return nil, nil })
		ids := r.enqueueN("x", n)
		bad, calls := ids[n/2], &atomic.Int32{}
		r.store.Broker = choking{r.store.Broker, func(s runtime.Settlement) bool {
			return s.Lease.TaskID == bad && s.Outcome == runtime.Succeeded
		}, errors.New("too odd to store"), calls}
		w := r.start(func(o *worker.Options) { o.Concurrency = n })
		began := time.Now()
		close(together)
		for _, id := range ids {
			if id != bad {
				r.ended(id, runtime.StateSucceeded)
			}
		}
		rec := r.ended(bad, runtime.StateFailed)
		if rec.Reason != runtime.ReasonPermanent || rec.Error != "store refused to settle the task as succeeded: too odd to store" {
			t.Errorf("reason %s, error %q", rec.Reason, rec.Error)
		}
		if took := time.Since(began); took > 10*time.Second || calls.Load() > 2*n {
			t.Errorf("it took %s and %d calls", took, calls.Load())
		}
		if s := w.State(); !s.Ready {
			t.Errorf("the worker is not ready: %s", s.Reason)
		}
		w.stop(runtime.DrainWarm)
	})
}

// What a store says that is merely in trouble is no task's fault.
func TestTroubleOfTheStoreSendsNothingToTheDeadLetters(t *testing.T) {
	cases := map[string]struct {
		err error
		n   int
	}{
		"full, for long":        {runtime.Errorf(runtime.CodeFull, "no space"), 50},
		"read-only, for long":   {runtime.Errorf(runtime.CodeDenied, "read-only"), 50},
		"anything, for a while": {errors.New("hiccup"), 4},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, defs(task("x", echo)), func(r *rig) {
				r.faults.Fail("Broker.Settle", x.n, x.err)
				w := r.start()
				for _, id := range r.enqueueN("x", 10) {
					r.ended(id, runtime.StateSucceeded)
				}
				w.stop(runtime.DrainWarm)
			})
		})
	}
}

// A task goes back when the store takes neither its end nor its dead letter:
// the lease is renewed as long as the worker lives.
func TestATaskThatCannotEndGoesBack(t *testing.T) {
	inBubble(t, defs(task("x", echo)), func(r *rig) {
		what := map[runtime.Outcome]bool{runtime.Succeeded: true, runtime.Dead: true}
		r.store.Broker = refusing{r.store.Broker, what}
		w := r.start()
		rec := r.at(r.enqueue(runtime.Request{Name: "x"}), runtime.PlaceDelayed)
		if wait := time.Until(rec.DueAt); rec.State != runtime.StateQueued || rec.Attempt != 0 || wait < 20*time.Second {
			t.Errorf("%s, attempt %d, due in %s", rec.State, rec.Attempt, wait)
		}
		delete(what, runtime.Succeeded) // in the bubble, and nothing runs
		r.ended(rec.ID, runtime.StateSucceeded)
		w.stop(runtime.DrainWarm)
	})
}

// So does one whose early acknowledgement is refused.
func TestATaskThatCannotBeAcknowledgedGoesBack(t *testing.T) {
	seen := newRan()
	early := func(o *runtime.TaskOptions) { o.AcksLate = new(false) }
	inBubble(t, defs(task("x", sleeper(seen), early)), func(r *rig) {
		r.store.Broker = refusing{r.store.Broker, map[runtime.Outcome]bool{runtime.Acknowledged: true}}
		w := r.start()
		rec := r.at(r.enqueue(runtime.Request{Name: "x", Args: seconds("1")}), runtime.PlaceDelayed)
		if seen.contains(rec.ID) || rec.Attempt != 0 {
			t.Errorf("it ran, attempt %d", rec.Attempt)
		}
		w.stop(runtime.DrainWarm)
	})
}

// A task that dies in a worker's hands without an attempt has its error links,
// too.
func TestDeadWithoutAnAttemptHasErrorLinks(t *testing.T) {
	cases := map[string]func(r *rig, p *runtime.Publication){
		"options that cannot be read": func(_ *rig, p *runtime.Publication) {
			p.Envelope.Meta[runtime.MetaHardLimit] = json.RawMessage(`"soon"`)
		},
		"an envelope that can be read in part": func(r *rig, _ *runtime.Publication) {
			r.store.Broker = doubting{r.store.Broker, "x"}
		},
		"success that is refused": func(r *rig, _ *runtime.Publication) {
			r.store.Broker = refusing{r.store.Broker, map[runtime.Outcome]bool{runtime.Succeeded: true}}
		},
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, defs(task("x", echo), task("sorry", echo)), func(r *rig) {
				p, err := r.client.Prepare(r.ctx, runtime.Request{Name: "x", LinkError: []runtime.Request{{ID: "sorry", Name: "sorry"}}})
				if err != nil {
					t.Fatal(err)
				}
				b := r.store.Broker
				spoil(r, &p)
				if _, err := b.Publish(r.ctx, &runtime.Effects{Publish: []runtime.Publication{p}}); err != nil {
					t.Fatal(err)
				}
				w := r.start()
				r.ended(p.Envelope.ID, runtime.StateFailed)
				r.until("the link is there", func() bool { return r.get("sorry").ID != "" })
				w.stop(runtime.DrainWarm)
			})
		})
	}
}

// doubting hands out tasks of a name with an envelope and an error.
type doubting struct {
	runtime.Broker
	name string
}

func (b doubting) Receive(ctx context.Context, q runtime.Receive) ([]runtime.Delivery, error) {
	ds, err := b.Broker.Receive(ctx, q)
	for i := range ds {
		if ds[i].Envelope.Name == b.name {
			ds[i].Err = runtime.Errorf(runtime.CodeCorrupt, "decode envelope: odd")
		}
	}
	return ds, err
}
