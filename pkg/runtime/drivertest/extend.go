package drivertest

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var extendCases = []testCase{
	{"01_RenewsEverythingTheWorkerHolds", extendRenews},
	{"02_PastManyIntervalsNothingIsRedelivered", extendForLong},
	{"03_TellsWhatIsLost", extendLost},
	{"04_DoesNotRenewForOthers", extendOthers},
	{"05_DoesNotReviveWhatWasReclaimed", extendTooLate},
	{"06_RestartedWorkerRenewsNothingOld", extendIncarnation},
	{"07_OwnVisibilityTimeoutStillShortens", extendVisibility},
	{"08_AskedForLonger", extendAsked},
	{"09_TellsWhatIsRevoked", extendRevoked},
	{"10_NothingHeld", extendNothing},
	{"11_AlsoWhatTheWorkerDidNotName", extendUnnamed},
}

// extend renews what c holds.
func (e *env) extend(c runtime.Consumer, held ...runtime.Delivery) runtime.Extended {
	e.Helper()
	x, err := e.Broker.Extend(e.ctx, c, leasesOf(held), lease)
	e.ok(err, "extend")
	return x
}

// renewed extends for w1, who must lose nothing.
func (e *env) renewed(held ...runtime.Delivery) runtime.Extended {
	e.Helper()
	x := e.extend(w1, held...)
	e.wantIDs(leaseIDs(x.Lost))
	return x
}

func leaseIDs(ls []runtime.Lease) []string {
	var ids []string
	for _, l := range ls {
		ids = append(ids, l.TaskID)
	}
	return sorted(ids)
}

func extendRenews(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.clock.Advance(20 * time.Second)
	if x := e.renewed(ds...); !x.Until.Equal(e.after(lease)) {
		e.Fatalf("until %v; want 30s from now", x.Until)
	}
	if r := e.pass(20 * time.Second); r.Reclaimed != 0 {
		e.Fatalf("%d renewed leases were reclaimed", r.Reclaimed)
	}
	if r := e.pass(11 * time.Second); r.Reclaimed != 2 {
		e.Fatalf("after the renewed lease %d were reclaimed; want 2", r.Reclaimed)
	}
}

func extendForLong(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	for range 50 {
		e.pass(lease / 3)
		e.renewed(ds...)
		e.takeNone()
	}
	e.end(runtime.Succeeded, ds...)
	if r := e.record("a"); r.Deliveries != 1 || r.Losses != 0 {
		e.Fatalf("after 50 renewals: %d deliveries, %d losses", r.Deliveries, r.Losses)
	}
}

func extendLost(e *env) {
	e.acceptPlain("ended", "moved", "reclaimed")
	ds := e.take("ended", "moved", "reclaimed")
	e.end(runtime.Succeeded, ds[0])
	e.pass(lease + time.Second)
	e.wantIDs(deliveredIDs(e.receiveAs(w2, 1)), "moved")
	e.acceptPlain("held")
	held := e.receive(2)
	e.wantIDs(deliveredIDs(held), "reclaimed", "held")
	x := e.extend(w1, ds[0], ds[1], ds[2], held[1])
	e.wantIDs(leaseIDs(x.Lost), "ended", "moved", "reclaimed")
	e.end(runtime.Succeeded, held...)
}

func extendOthers(e *env) {
	e.acceptPlain("mine", "theirs")
	mine := e.takeNext("mine")
	theirs := e.takeAs(w2, "theirs")[0]
	e.clock.Advance(20 * time.Second)
	x := e.extend(w1, mine, theirs)
	e.wantIDs(leaseIDs(x.Lost), "theirs")
	e.pass(11 * time.Second)
	e.is("mine", runtime.StateRunning, runtime.PlaceLeased)
	e.is("theirs", runtime.StateQueued, runtime.PlaceReady)
}

func extendTooLate(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.pass(lease + time.Second)
	e.wantIDs(leaseIDs(e.extend(w1, d).Lost), "a")
	e.is("a", runtime.StateQueued, runtime.PlaceReady)
	e.takeAs(w2, "a")
}

func extendIncarnation(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.clock.Advance(20 * time.Second)
	e.wantIDs(leaseIDs(e.extend(w1again, d).Lost), "a")
	if r := e.pass(11 * time.Second); r.Reclaimed != 1 {
		e.Fatalf("%d were reclaimed; want the predecessor's one", r.Reclaimed)
	}
}

// A renewal gives such a task no more than its own timeout.
func extendVisibility(e *env) {
	e.accept(e.task("short", visibility(15*time.Second)), e.task("plain"))
	ds := e.take("short", "plain")
	e.clock.Advance(10 * time.Second)
	e.renewed(ds...)
	e.pass(16 * time.Second)
	e.is("short", runtime.StateQueued, runtime.PlaceReady)
	e.is("plain", runtime.StateRunning, runtime.PlaceLeased)
}

func extendAsked(e *env) {
	e.accept(e.task("asked", visibility(5*time.Second)), e.task("plain"))
	ds := e.take("asked", "plain")
	ds[0].Lease.Until = e.after(5 * time.Minute)
	e.renewed(ds...)
	e.pass(lease + time.Second)
	e.is("asked", runtime.StateRunning, runtime.PlaceLeased)
	e.is("plain", runtime.StateQueued, runtime.PlaceReady)
	e.pass(5 * time.Minute)
	e.is("asked", runtime.StateQueued, runtime.PlaceReady)
}

func extendRevoked(e *env) {
	e.acceptPlain("a", "b", "ended")
	ds := e.take("a", "b", "ended")
	for _, id := range []string{"a", "ended"} {
		e.cancel(runtime.Revocation{TaskID: id, Terminate: true, By: "ops", Reason: "wrong"})
	}
	e.end(runtime.Succeeded, ds[2])
	x := e.extend(w1, ds...)
	if len(x.Revoked) != 1 || x.Revoked[0].TaskID != "a" || !x.Revoked[0].Terminate || x.Revoked[0].By != "ops" {
		e.Fatalf("revoked %+v; want a, to be terminated, by ops", x.Revoked)
	}
	e.wantIDs(leaseIDs(x.Lost), "ended")
}

func extendNothing(e *env) {
	if x := e.renewed(); len(x.Revoked) != 0 || !x.Until.Equal(e.after(lease)) {
		e.Fatalf("extend of nothing: %+v", x)
	}
}

// The worker counts on one write for everything it holds; what it has not named
// (it arrives at this moment, say) must not lose its lease over that.
func extendUnnamed(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.clock.Advance(20 * time.Second)
	e.renewed(ds[0])
	e.pass(20 * time.Second)
	e.is("b", runtime.StateRunning, runtime.PlaceLeased)
	e.end(runtime.Succeeded, ds...)
}
