package drivertest

import (
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var admitCases = []testCase{
	{"01_NothingAskedRuns", admitNothing},
	{"02_RateHasABurstOfItself", admitBurst},
	{"03_RateBooksOnceAndComesBackBooked", admitBooked},
	{"04_BookingsLineUp", admitBookingsLineUp},
	{"05_RateRefills", admitRefill},
	{"06_FullSlotsWait", admitSlots},
	{"07_FirstWaitingIsFirstReady", admitFIFO},
	{"08_EveryEndFreesTheSlot", admitFreedBySettle},
	{"09_LostWorkerFreesTheSlot", admitFreedByReclaim},
	{"10_CancelledWaiterMakesWay", admitCancelledWaiter},
	{"11_CancelPassesTheSlotOn", admitCancelledNext},
	{"12_AllUsesOrNone", admitAllOrNone},
	{"13_OverrideReplacesTheNumbers", admitOverride},
	{"14_RaisedLimitWakesWaiters", admitRaised},
	{"15_LostLeaseIsTold", admitLost},
	{"16_DeferredLeaseIsGone", admitDeferredLease},
	{"17_NoChurn", admitNoChurn},
	{"18_AskedTwiceHoldsOneSlot", admitTwice},
	{"19_BatchRunsInOrder", admitBatch},
	{"20_KeysAreIndependent", admitKeys},
	{"21_WaiterIsNotOvertaken", admitNotOvertaken},
	{"22_DeferralIsNotCharged", admitNotCharged},
	{"23_LostWaiterMakesWay", admitLostWaiter},
	{"24_ReleasedIsStillBooked", admitBookedReleased},
	{"25_MarkingABookedTaskAsStarted", admitBookedStarted},
	{"26_RateAndAClockSetBack", admitSetBack},
	{"27_SlotOfATaskThatNobodyTakes", admitIdle},
}

// slots and perMinute limit the plain task.
func slots(n int) runtime.LimitUse { return runtime.LimitUse{Key: "task:demo.add", Slots: n} }

func perMinute(n int) runtime.LimitUse {
	return runtime.LimitUse{Key: "task:demo.add", Rate: n, Per: time.Minute}
}

// admissions ask for one use of each delivery.
func admissions(use runtime.LimitUse, ds ...runtime.Delivery) []runtime.Admission {
	var as []runtime.Admission
	for _, d := range ds {
		as = append(as, runtime.Admission{Lease: d.Lease, Uses: []runtime.LimitUse{use}})
	}
	return as
}

func (e *env) admitAll(c runtime.Consumer, as ...runtime.Admission) []runtime.Verdict {
	e.Helper()
	vs, err := e.Broker.Admit(e.ctx, c, as)
	e.ok(err, "admit")
	if len(vs) != len(as) {
		e.Fatalf("admit: %d verdicts for %d admissions", len(vs), len(as))
	}
	for i, v := range vs {
		n := 0
		for _, said := range []bool{v.Run, !v.Until.IsZero(), v.Key != "", v.Lost} {
			if said {
				n++
			}
		}
		if n != 1 {
			e.Fatalf("admit %s: verdict %+v says %d things; want one", as[i].Lease.TaskID, v, n)
		}
	}
	return vs
}

// admit asks for one use for w1.
func (e *env) admit(use runtime.LimitUse, ds ...runtime.Delivery) []runtime.Verdict {
	e.Helper()
	return e.admitAll(w1, admissions(use, ds...)...)
}

// runs asks that all are admitted.
func (e *env) runs(use runtime.LimitUse, ds ...runtime.Delivery) {
	e.Helper()
	for i, v := range e.admit(use, ds...) {
		if !v.Run {
			e.Fatalf("admit %s: %+v; want it to run", ds[i].Lease.TaskID, v)
		}
	}
}

// waits asks that all are moved to the wait list of the use.
func (e *env) waits(use runtime.LimitUse, ds ...runtime.Delivery) {
	e.Helper()
	for i, v := range e.admit(use, ds...) {
		id := ds[i].Lease.TaskID
		if v.Key != use.Key {
			e.Fatalf("admit %s: %+v; want it to wait for %s", id, v, use.Key)
		}
		if r := e.is(id, runtime.StateQueued, runtime.PlaceWaiting); r.LimitKey != use.Key {
			e.Fatalf("%s waits for %q; want %q", id, r.LimitKey, use.Key)
		}
	}
}

// booked asks that d is moved to delayed until a time.
func (e *env) booked(use runtime.LimitUse, d runtime.Delivery, until time.Time) {
	e.Helper()
	if v := e.admit(use, d)[0]; !v.Until.Equal(until) {
		e.Fatalf("admit %s: %+v; want it to be delayed until %v", d.Lease.TaskID, v, until)
	}
	if r := e.is(d.Lease.TaskID, runtime.StateQueued, runtime.PlaceDelayed); !r.DueAt.Equal(until) {
		e.Fatalf("%s is due at %v; want %v", d.Lease.TaskID, r.DueAt, until)
	}
}

func admitNothing(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	for _, a := range []runtime.Admission{{Lease: d.Lease}, {Lease: d.Lease, Started: true}} {
		if v := e.admitAll(w1, a)[0]; !v.Run {
			e.Fatalf("admit %+v: %+v; want it to run", a, v)
		}
	}
	e.end(runtime.Succeeded, d)
}

func admitBurst(e *env) {
	e.acceptPlain("a", "b", "c", "d")
	ds := e.take("a", "b", "c", "d")
	e.runs(perMinute(3), ds[:3]...)
	e.booked(perMinute(3), ds[3], e.after(20*time.Second))
}

func admitBooked(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(perMinute(1), ds[0])
	e.booked(perMinute(1), ds[1], e.after(time.Minute))
	e.end(runtime.Succeeded, ds[0])
	e.pass(59 * time.Second)
	e.takeNone()
	e.pass(time.Second)
	d := e.receiveAs(w2, 10)
	e.wantIDs(deliveredIDs(d), "b")
	if !d[0].Booked {
		e.Fatal("it came back without being booked: it would pay its rate twice")
	}
	if d[0].Losses != 0 || d[0].Deliveries != 2 || d[0].Envelope.Attempt != 0 {
		e.Fatalf("being deferred was charged: %+v", d[0])
	}
}

func admitBookingsLineUp(e *env) {
	ids := numbered("t", 5)
	e.acceptPlain(ids...)
	ds := e.take(ids...)
	e.runs(perMinute(2), ds[:2]...)
	for i, d := range ds[2:] {
		e.booked(perMinute(2), d, e.after(time.Duration(i+1)*30*time.Second))
	}
	e.end(runtime.Succeeded, ds[:2]...)
	for _, id := range ids[2:] {
		e.pass(30 * time.Second)
		e.end(runtime.Succeeded, e.takeOne(id))
	}
}

func admitRefill(e *env) {
	ids := numbered("t", 9)
	e.acceptPlain(ids...)
	e.runs(perMinute(2), e.receive(2)...)
	e.clock.Advance(30 * time.Second)
	ds := e.receive(2)
	e.runs(perMinute(2), ds[0])
	e.booked(perMinute(2), ds[1], e.after(30*time.Second))
	e.clock.Advance(time.Hour)
	ds = e.receive(3)
	e.runs(perMinute(2), ds[:2]...)
	if v := e.admit(perMinute(2), ds[2])[0]; v.Until.IsZero() {
		e.Fatalf("after an hour of rest a third ran at once (%+v): more than the burst was saved up", v)
	}
}

func admitSlots(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.runs(slots(2), ds[:2]...)
	e.waits(slots(2), ds[2])
	e.takeNone()
	e.end(runtime.Succeeded, ds[0])
	e.is("c", runtime.StateQueued, runtime.PlaceReady)
	d := e.takeOne("c")
	e.runs(slots(2), d)
	e.end(runtime.Succeeded, ds[1], d)
}

func admitFIFO(e *env) {
	e.acceptPlain("a", "b", "c")
	e.accept(e.task("d", priority(9)))
	ds := e.take("d", "a", "b", "c")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[2], ds[3], ds[1])
	running := ds[0]
	for _, id := range []string{"b", "c", "a"} {
		e.end(runtime.Succeeded, running)
		running = e.takeOne(id)
		e.runs(slots(1), running)
	}
}

func admitFreedBySettle(e *env) {
	for _, o := range outcomes {
		if o == runtime.Acknowledged {
			continue // it keeps the lease, and the slot
		}
		q, use := o.String(), runtime.LimitUse{Key: "task:" + o.String(), Slots: 1}
		e.accept(e.task(q+"-1", inQueue(q)), e.task(q+"-2", inQueue(q), priority(9)))
		ds := e.receive(2, q)
		e.runs(use, ds[0])
		e.waits(use, ds[1])
		e.settled(settlementOf(ds[0], o))
		e.is(ds[1].Lease.TaskID, runtime.StateQueued, runtime.PlaceReady)
	}
	e.acceptPlain("x", "y")
	ds := e.take("x", "y")
	e.runs(slots(1), ds[0])
	e.end(runtime.Acknowledged, ds[0])
	e.waits(slots(1), ds[1])
}

func admitFreedByReclaim(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1])
	e.pass(lease + time.Second)
	e.is("b", runtime.StateQueued, runtime.PlaceReady)
	again := e.takeAs(w2, "a", "b")
	vs := e.admitAll(w2, admissions(slots(1), again...)...)
	if vs[0].Run == vs[1].Run {
		e.Fatalf("one slot for two: %+v; want one to run", vs)
	}
}

func admitCancelledWaiter(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1:]...)
	e.cancel(runtime.Revocation{TaskID: "b"})
	e.wasCancelled("b", runtime.ReasonRevoked)
	e.end(runtime.Succeeded, ds[0])
	e.runs(slots(1), e.takeOne("c"))
}

// The slot had been freed for b; nobody else will ever free it again.
func admitCancelledNext(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1:]...)
	e.end(runtime.Succeeded, ds[0])
	e.is("b", runtime.StateQueued, runtime.PlaceReady)
	e.cancel(runtime.Revocation{TaskID: "b"})
	e.recover()
	e.runs(slots(1), e.takeOne("c"))
}

func admitLostWaiter(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1:]...)
	e.end(runtime.Succeeded, ds[0])
	b := e.takeOne("b")
	e.pass(lease + time.Second)
	e.is("b", runtime.StateQueued, runtime.PlaceReady)
	again := e.receiveAs(w2, 10)
	ran := 0
	for i, v := range e.admitAll(w2, admissions(slots(1), again...)...) {
		if v.Run {
			ran++
			e.wantSettled(e.settleAs(w2, as(again[i], runtime.Succeeded))[0], runtime.Settled, again[i].Lease.TaskID)
		}
	}
	if ran != 1 {
		e.Fatalf("%d ran on the slot that %s lost; want 1", ran, b.Lease.TaskID)
	}
}

func admitAllOrNone(e *env) {
	rate := runtime.LimitUse{Key: "group:r", Rate: 1, Per: time.Hour}
	free := runtime.LimitUse{Key: "group:free", Slots: 1}
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.runs(slots(1), ds[0])
	all := runtime.Admission{Lease: ds[1].Lease, Uses: []runtime.LimitUse{rate, free, slots(1)}}
	if v := e.admitAll(w1, all)[0]; v.Key != slots(1).Key {
		e.Fatalf("admit b: %+v; want it to wait for the full slots", v)
	}
	c := runtime.Admission{Lease: ds[2].Lease, Uses: []runtime.LimitUse{rate, free}}
	if v := e.admitAll(w1, c)[0]; !v.Run {
		e.Fatalf("admit c: %+v; want it to run: b was not granted its rate, nor its other slot", v)
	}
	e.end(runtime.Succeeded, ds[0], ds[2])
	e.is("b", runtime.StateQueued, runtime.PlaceReady)
}

func admitOverride(e *env) {
	e.setLimit(runtime.LimitUse{Key: slots(5).Key, Slots: 1})
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(slots(5), ds[0])
	e.waits(slots(5), ds[1])
	e.setLimit(runtime.LimitUse{Key: slots(5).Key})
	e.end(runtime.Succeeded, ds[0])
	e.acceptPlain("c", "d")
	e.runs(slots(5), e.take("b", "c", "d")...)
}

func (e *env) setLimit(ls ...runtime.LimitUse) {
	e.Helper()
	e.ok(e.Limits.Set(e.ctx, ls), "set limits")
}

func admitRaised(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1:]...)
	e.setLimit(slots(2))
	e.recover()
	e.is("b", runtime.StateQueued, runtime.PlaceReady)
	e.is("c", runtime.StateQueued, runtime.PlaceWaiting)
	e.runs(slots(1), e.takeOne("b"))
}

func admitLost(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.pass(lease + time.Second)
	fresh := e.takeAs(w2, "a", "b")
	vs := e.admit(slots(1), ds...)
	if !vs[0].Lost || !vs[1].Lost {
		e.Fatalf("admit after the lease: %+v; want lost", vs)
	}
	if v := e.admitAll(w2, admissions(slots(1), fresh[0])...)[0]; !v.Run {
		e.Fatalf("the new holder: %+v; want it to run: the old one took no slot", v)
	}
	if v := e.admitAll(w1again, admissions(slots(9), fresh[1])...)[0]; !v.Lost {
		e.Fatalf("another worker: %+v; want lost", v)
	}
}

func admitDeferredLease(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1])
	rate := runtime.LimitUse{Key: "group:r", Rate: 1, Per: time.Hour}
	e.runs(rate, ds[0])
	e.booked(rate, ds[2], e.after(time.Hour))
	for _, d := range ds[1:] {
		e.wantSettled(e.settle(as(d, runtime.Succeeded))[0], runtime.LeaseLost, d.Lease.TaskID)
	}
	e.wantIDs(leaseIDs(e.extend(w1, ds...).Lost), "b", "c")
	if r := e.pass(lease + time.Second); r.Reclaimed != 1 {
		e.Fatalf("%d were reclaimed; want a alone", r.Reclaimed)
	}
}

// Every task is handed out at most twice: once to find the slots taken, once to
// run.
func admitNoChurn(e *env) {
	ids := numbered("t", 20)
	e.acceptPlain(ids...)
	handOuts, ended := 0, 0
	for ended < len(ids) {
		ds := e.receive(100)
		if len(ds) == 0 {
			e.Fatalf("nothing is ready after %d of %d: a slot was freed for nobody", ended, len(ids))
		}
		handOuts += len(ds)
		for i, v := range e.admit(slots(1), ds...) {
			if v.Run {
				e.end(runtime.Succeeded, ds[i])
				ended++
			}
		}
	}
	if handOuts > 2*len(ids)-1 {
		e.Fatalf("%d hand-outs for %d tasks; want at most two each", handOuts, len(ids))
	}
}

func admitTwice(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(slots(2), ds[0])
	e.runs(slots(2), ds[0])
	e.runs(slots(2), ds[1])
	e.end(runtime.Succeeded, ds...)
	if vs := e.limits("task:"); len(vs) > 0 && len(vs[0].Holders) != 0 {
		e.Fatalf("after the end the slots are held by %+v", vs[0].Holders)
	}
}

func admitBatch(e *env) {
	ids := numbered("t", 6)
	e.acceptPlain(ids...)
	ds := e.take(ids...)
	for i, v := range e.admit(slots(3), ds...) {
		if v.Run != (i < 3) {
			e.Fatalf("admit %s: %+v; want the first three to run", ds[i].Lease.TaskID, v)
		}
	}
	e.end(runtime.Succeeded, ds[:3]...)
	e.take(ids[3:]...)
}

func admitKeys(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	for i, d := range ds {
		e.runs(runtime.LimitUse{Key: fmt.Sprint("group:", i), Slots: 1, Rate: 1, Per: time.Hour}, d)
	}
}

// A slot that was freed for the one who has waited longest is not taken by one
// who has just come, however high its priority.
func admitNotOvertaken(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1])
	e.end(runtime.Succeeded, ds[0])
	e.accept(e.task("new", priority(9)))
	next := e.take("new", "b")
	e.waits(slots(1), next[0])
	e.runs(slots(1), next[1])
}

func admitNotCharged(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1])
	e.pass(100 * lease)
	if r := e.record("b"); r.Attempt != 0 || r.Losses != 0 {
		e.Fatalf("waiting was charged: %+v", r)
	}
}

// bookedOne is a task whose rate is paid, delivered again.
func (e *env) bookedOne() runtime.Delivery {
	e.Helper()
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(perMinute(1), ds[0])
	e.booked(perMinute(1), ds[1], e.after(time.Minute))
	e.end(runtime.Succeeded, ds[0])
	e.pass(time.Minute)
	d := e.takeOne("b")
	if !d.Booked {
		e.Fatal("it came back without being booked")
	}
	return d
}

// A worker that shuts down gives back what it has not begun. The token is paid,
// and nothing was had for it.
func admitBookedReleased(e *env) {
	e.end(runtime.Released, e.bookedOne())
	if !e.takeOne("b").Booked {
		e.Fatal("released, and no longer booked: it would pay twice")
	}
}

// A suspect is marked as started when it is booked, too; that asks for nothing
// and gives nothing away: admitted again, it runs and does not pay again.
func admitBookedStarted(e *env) {
	d := e.bookedOne()
	if v := e.admitAll(w1, runtime.Admission{Lease: d.Lease, Started: true})[0]; !v.Run {
		e.Fatalf("admit: %+v; want it to run", v)
	}
	e.end(runtime.Released, d)
	if d = e.takeOne("b"); !d.Booked {
		e.runs(perMinute(1), d)
	}
}

// Tokens that were given away in what is now the future do not bar the limit
// until that time has come again.
func admitSetBack(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.runs(perMinute(1), ds[0])
	e.clock.Advance(-time.Hour)
	if ls := e.limits(""); len(ls) != 1 || !ls[0].NextFree.Equal(e.after(time.Minute)) {
		e.Fatalf("limits %+v; want a token in a minute", ls)
	}
	e.booked(perMinute(1), ds[1], e.after(time.Minute))
	e.booked(perMinute(1), ds[2], e.after(2*time.Minute))
}

// The slot went to a task in a queue that nobody serves: it does not bar the
// limit for other queues, and nothing is lost.
func admitIdle(e *env) {
	e.accept(e.task("a"), e.task("idle", inQueue("paused")), e.task("c"))
	ds := e.receive(3, queue, "paused")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[2], ds[1])
	e.end(runtime.Succeeded, ds[0])
	e.is("idle", runtime.StateQueued, runtime.PlaceReady)
	e.wantNextDue(e.after(runtime.SlotHold))
	e.pass(runtime.SlotHold - time.Second)
	e.is("c", runtime.StateQueued, runtime.PlaceWaiting)
	e.pass(time.Second)
	c := e.takeOne("c")
	e.runs(slots(1), c)
	idle := e.receive(1, "paused")
	e.wantIDs(deliveredIDs(idle), "idle")
	e.waits(slots(1), idle...)
	e.end(runtime.Succeeded, c)
	back := e.receive(1, "paused")
	e.runs(slots(1), back...)
	e.end(runtime.Succeeded, back...)
}
