package drivertest

import (
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Who may settle, and what becomes of what is said twice or too late: the cases
// of settle.go about fences.

func settleRepeated(e *env) {
	for _, o := range outcomes {
		id := o.String()
		e.accept(e.task(id, inQueue(id)))
		d := e.receive(1, id)[0]
		s := settlementOf(d, o)
		s.Effects = &runtime.Effects{Publish: []runtime.Publication{e.task(id+"-next", inQueue(id+".next"))}}
		e.settled(s)
		before, stat := e.record(id), e.stat(id)
		for range 2 {
			e.wantSettled(e.settle(s)[0], runtime.Repeated, id)
		}
		after := e.record(id)
		after.UpdatedAt = before.UpdatedAt
		if fmt.Sprint(before) != fmt.Sprint(after) || stat != e.stat(id) {
			e.Errorf("%s: a repeat changed\n%+v\nto\n%+v", o, before, after)
		}
		if n := len(e.receive(10, id+".next")); n != 1 {
			e.Errorf("%s: %d follow-ups; want 1", o, n)
		}
	}
	if n := len(e.deadLetters(runtime.DeadQuery{})); n != 1 {
		e.Errorf("%d dead letters; want 1", n)
	}
}

// The reply was lost, and before the worker asked again the task was handed to
// somebody else: it must learn that its step was done, and do no harm.
func settleRepeatedAcross(e *env) {
	e.acceptPlain("a")
	s := retryOf(e.takeOne("a"), time.Time{})
	e.settled(s)
	d := e.takeAs(w2, "a")[0]
	e.wantSettled(e.settle(s)[0], runtime.Repeated, "a")
	e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	e.wantSettled(e.settleAs(w2, as(d, runtime.Succeeded))[0], runtime.Settled, "a")
}

func settleOtherOutcome(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.end(runtime.Succeeded, d)
	for _, o := range outcomes {
		if o != runtime.Succeeded {
			e.wantSettled(e.settle(settlementOf(d, o))[0], runtime.LeaseLost, "a")
		}
	}
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
	e.takeNone()
}

func settleLate(e *env) {
	for _, o := range outcomes {
		id := o.String()
		e.accept(e.task(id, inQueue(id)))
		d := e.receive(1, id)[0]
		e.pass(lease + time.Second)
		before := e.is(id, runtime.StateQueued, runtime.PlaceReady)
		e.wantSettled(e.settle(settlementOf(d, o))[0], runtime.LeaseLost, id)
		if after := e.record(id); fmt.Sprint(before) != fmt.Sprint(after) {
			e.Errorf("a late %s changed\n%+v\nto\n%+v", o, before, after)
		}
	}
}

func settleStale(e *env) {
	for _, o := range outcomes {
		id := o.String()
		e.accept(e.task(id, inQueue(id)))
		old := e.receive(1, id)[0]
		e.pass(lease + time.Second)
		now := e.receiveAs(w2, 1, id)[0]
		e.wantSettled(e.settle(settlementOf(old, o))[0], runtime.LeaseLost, id)
		if r := e.is(id, runtime.StateRunning, runtime.PlaceLeased); r.Worker != "w2" {
			e.Errorf("after a late %s it is held by %s; want w2", o, r.Worker)
		}
		e.wantSettled(e.settleAs(w2, as(now, runtime.Succeeded))[0], runtime.Settled, id)
	}
}

func settleForeign(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.wantSettled(e.settleAs(w2, as(d, runtime.Succeeded))[0], runtime.LeaseLost, "a")
	wrong := d
	wrong.Lease.Fence++
	e.wantSettled(e.settle(as(wrong, runtime.Succeeded))[0], runtime.LeaseLost, "a")
	e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	e.end(runtime.Succeeded, d)
}

func settleIncarnation(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.wantSettled(e.settleAs(w1again, as(d, runtime.Succeeded))[0], runtime.LeaseLost, "a")
	e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	e.end(runtime.Succeeded, d)
}

func settleUnknown(e *env) {
	d := runtime.Delivery{Lease: runtime.Lease{TaskID: "nobody", Queue: queue, Receipt: "x", Fence: 7}}
	e.wantSettled(e.settle(as(d, runtime.Succeeded))[0], runtime.LeaseLost, "nobody")
	e.unknown("nobody")
}

func settleTwiceInBatch(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	rs := e.settle(as(ds[0], runtime.Succeeded), as(ds[0], runtime.Succeeded), as(ds[1], runtime.Released), as(ds[1], runtime.Succeeded))
	e.wantSettled(rs[0], runtime.Settled, "a")
	e.wantSettled(rs[1], runtime.Repeated, "a")
	e.wantSettled(rs[2], runtime.Settled, "b")
	e.wantSettled(rs[3], runtime.LeaseLost, "b")
	e.take("b")
}

// The same id, forgotten and published again: a lease of the first life is
// nothing in the second.
func settleReusedID(e *env) {
	var old []runtime.Delivery
	for range 3 {
		e.acceptPlain("a")
		d := e.takeOne("a")
		for _, o := range old {
			if o.Lease.Fence == d.Lease.Fence {
				e.Fatalf("fence %d was given out in two lives of one id", d.Lease.Fence)
			}
			e.wantSettled(e.settle(retryOf(o, time.Time{}))[0], runtime.LeaseLost, "a")
			e.wantIDs(leaseIDs(e.extend(w1, o).Lost), "a")
		}
		e.is("a", runtime.StateRunning, runtime.PlaceLeased)
		s := as(d, runtime.Succeeded)
		s.Keep = -1
		e.settled(s)
		old = append(old, d)
	}
}

func settlePurged(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.bury(d)
	e.purge("a")
	e.wantSettled(e.settle(as(d, runtime.Succeeded))[0], runtime.LeaseLost, "a")
	e.unknown("a")
	e.acceptPlain("a")
	e.wantSettled(e.settle(as(d, runtime.Succeeded))[0], runtime.LeaseLost, "a")
	e.takeOne("a")
}

// Nobody has taken the overdue task yet. Whether its holder may still end it is
// the store's to decide; but what it answers must be what happened.
func settleOverdue(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.clock.Advance(lease + time.Second)
	switch r := e.settle(as(d, runtime.Succeeded))[0]; r.Status {
	case runtime.Settled:
		e.recover()
		e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
		e.takeNone()
	case runtime.LeaseLost:
		e.recover()
		e.takeOne("a")
	default:
		e.Fatalf("settle: %s (%v)", settleName(r.Status), r.Err)
	}
}

// A fence is good for its own task only.
func settleOthersFence(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	mixed := ds[0]
	mixed.Lease.TaskID = "b"
	for _, o := range outcomes {
		e.wantSettled(e.settle(settlementOf(mixed, o))[0], runtime.LeaseLost, "b")
	}
	if x := e.extend(w1, mixed); len(x.Lost) != 1 {
		e.Errorf("extended under the fence of another task: %+v", x)
	}
	e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	e.is("b", runtime.StateRunning, runtime.PlaceLeased)
	e.end(runtime.Succeeded, ds...)
	e.wantSettled(e.settle(as(mixed, runtime.Succeeded))[0], runtime.LeaseLost, "b")
}
