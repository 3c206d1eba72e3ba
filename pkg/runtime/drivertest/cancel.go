package drivertest

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var cancelCases = []testCase{
	{"01_ReadyEndsHereAndNow", cancelReady},
	{"02_DelayedEndsHereAndNow", cancelDelayed},
	{"03_WaitingEndsHereAndNow", cancelWaiting},
	{"04_ParkedEndsHereAndNow", cancelParked},
	{"05_RetriedEndsHereAndNow", cancelRetried},
	{"06_RunningMayFinish", cancelRunning},
	{"07_RunningIsNotRetried", cancelRunningRetried},
	{"08_RunningIsNotReleased", cancelRunningReleased},
	{"09_RunningIsTerminated", cancelTerminate},
	{"10_RunningAndLostDoesNotComeBack", cancelRunningLost},
	{"11_EndedIsTold", cancelEnded},
	{"12_DeadLetterIsLeft", cancelDead},
	{"13_UnknownIsForgottenAtOnce", cancelUnknown},
	{"14_UnknownIsRemembered", cancelRemembered},
	{"15_RememberedOrderExpires", cancelRememberedExpires},
	{"16_AuditedOnceEach", cancelAudit},
	{"17_OneResultEachInOrder", cancelBatch},
	{"18_PurgedIsItsOwnReason", cancelPurged},
	{"19_RepeatIsHarmless", cancelTwice},
	{"20_ByAnotherProcess", cancelAcross},
	{"21_HarderOrderReplacesTheSofter", cancelHarder},
	{"22_OrderIsShownUntilItTakesEffect", cancelShown},
	{"23_TotalsGrowOnce", cancelTotals},
	{"24_ParkingARevokedTaskEndsIt", cancelRunningParked},
}

// cancel orders the end of one task.
func (e *env) cancel(r runtime.Revocation) runtime.CancelResult {
	e.Helper()
	return e.cancelAll(r)[0]
}

func (e *env) cancelAll(rs ...runtime.Revocation) []runtime.CancelResult {
	e.Helper()
	out, err := e.Broker.Cancel(e.ctx, rs)
	e.ok(err, "cancel")
	if len(out) != len(rs) {
		e.Fatalf("cancel: %d results for %d revocations", len(out), len(rs))
	}
	return out
}

// cancels orders the end of a task that was in a state, and asks whether the
// order has ended it.
func (e *env) cancels(id string, was runtime.State, ended bool) {
	e.Helper()
	e.wantCancel(e.cancel(runtime.Revocation{TaskID: id, By: "ops", Reason: "wrong batch"}), id, was, ended)
}

func (e *env) wantCancel(r runtime.CancelResult, id string, was runtime.State, ended bool) {
	e.Helper()
	if r.Was != was || r.Ended != ended {
		e.Fatalf("cancel %s: was %q, ended %v; want %q, %v", id, r.Was, r.Ended, was, ended)
	}
}

func cancelReady(e *env) {
	e.acceptPlain("a", "b")
	e.clock.Advance(time.Second)
	e.cancels("a", runtime.StateQueued, true)
	e.wasCancelled("a", runtime.ReasonRevoked)
	if r := e.record("a"); !r.FinishedAt.Equal(e.clock.Now()) {
		e.Fatalf("finished at %v; want now", r.FinishedAt)
	}
	e.take("b")
}

func cancelDelayed(e *env) {
	e.accept(e.task("a", due(e.after(time.Minute))))
	e.cancels("a", runtime.StateQueued, true)
	e.wasCancelled("a", runtime.ReasonRevoked)
	if r := e.pass(time.Minute); r.Promoted != 0 {
		e.Fatal("a cancelled task became due")
	}
	e.takeNone()
}

func cancelWaiting(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1])
	e.cancels("b", runtime.StateQueued, true)
	e.wasCancelled("b", runtime.ReasonRevoked)
	e.end(runtime.Succeeded, ds[0])
	e.takeNone()
}

func cancelParked(e *env) {
	e.acceptPlain("a")
	e.settled(parkedAs(e.takeOne("a")))
	e.cancels("a", runtime.StateQueued, true)
	e.wasCancelled("a", runtime.ReasonRevoked)
	e.recoverWith(runtime.Recover{Known: []string{"demo.add"}, Queues: []string{queue}})
	e.takeNone()
}

func cancelRetried(e *env) {
	e.acceptPlain("a")
	e.settled(retryOf(e.takeOne("a"), e.after(time.Minute)))
	e.cancels("a", runtime.StateRetried, true)
	e.wasCancelled("a", runtime.ReasonRevoked)
	e.pass(time.Hour)
	e.takeNone()
}

func cancelRunning(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.cancels("a", runtime.StateRunning, false)
	e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	e.end(runtime.Succeeded, d)
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
}

func cancelRunningRetried(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.cancels("a", runtime.StateRunning, false)
	e.settled(retryOf(d, time.Time{}))
	e.wasCancelled("a", runtime.ReasonRevoked)
	e.takeNone()
	if n := e.stat(queue).Retried; n != 0 {
		e.Fatalf("%d retried; want none", n)
	}
}

func cancelRunningReleased(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.cancels("a", runtime.StateRunning, false)
	e.end(runtime.Released, d)
	e.notRun("a")
}

func cancelRunningParked(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.cancels("a", runtime.StateRunning, false)
	e.settled(parkedAs(d))
	e.recoverWith(runtime.Recover{Known: []string{"demo.add"}, Queues: []string{queue}})
	e.notRun("a")
}

// notRun asks that a revoked task is never handed out as if nothing were: it
// has ended, or it comes with its revocation and the worker ends it.
func (e *env) notRun(id string) {
	e.Helper()
	e.recover()
	for _, d := range e.receive(10) {
		if d.Lease.TaskID != id {
			continue
		}
		if d.Revoked == nil || d.Revoked.TaskID != id {
			e.Fatalf("%s was revoked and is handed out without a word", id)
		}
		s := as(d, runtime.Cancelled)
		s.Reason = runtime.ReasonRevoked
		e.settled(s)
	}
	e.wasCancelled(id, runtime.ReasonRevoked)
	e.takeNone()
}

func cancelTerminate(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	r := e.cancel(runtime.Revocation{TaskID: "a", Terminate: true, By: "ops"})
	e.wantCancel(r, "a", runtime.StateRunning, false)
	x := e.renewed(d)
	if len(x.Revoked) != 1 || x.Revoked[0].TaskID != "a" || !x.Revoked[0].Terminate {
		e.Fatalf("extend: revoked %+v; want a, to be terminated", x.Revoked)
	}
	s := as(d, runtime.Cancelled)
	s.Reason = runtime.ReasonRevoked
	e.settled(s)
	e.wasCancelled("a", runtime.ReasonRevoked)
}

func cancelRunningLost(e *env) {
	e.acceptPlain("a")
	e.takeOne("a")
	e.cancels("a", runtime.StateRunning, false)
	e.pass(lease + time.Second)
	e.notRun("a")
}

func cancelEnded(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.settled(as(ds[0], runtime.Succeeded), as(ds[1], runtime.Cancelled))
	e.cancels("a", runtime.StateSucceeded, false)
	e.cancels("b", runtime.StateCancelled, false)
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
}

func cancelDead(e *env) {
	e.acceptPlain("a")
	e.bury(e.takeOne("a"))
	e.cancels("a", runtime.StateFailed, false)
	e.isDead("a", runtime.ReasonPermanent)
}

func cancelUnknown(e *env) {
	e.cancels("a", "", false)
	e.acceptPlain("a")
	if d := e.takeOne("a"); d.Revoked != nil {
		e.Fatal("an order without a term was remembered")
	}
}

func cancelRemembered(e *env) {
	r := e.cancel(runtime.Revocation{TaskID: "a", By: "ops", Reason: "too soon", ExpiresAt: e.after(time.Hour)})
	e.wantCancel(r, "a", "", false)
	e.pass(30 * time.Minute)
	e.wantPublished(e.publish(e.task("a"))[0], runtime.Accepted, "a")
	e.notRun("a")
}

func cancelRememberedExpires(e *env) {
	e.cancel(runtime.Revocation{TaskID: "a", ExpiresAt: e.after(time.Hour)})
	e.cancel(runtime.Revocation{TaskID: "b", ExpiresAt: e.after(time.Hour)})
	e.clock.Advance(2 * time.Hour)
	e.acceptPlain("a")
	e.recover()
	e.acceptPlain("b")
	for _, d := range e.take("a", "b") {
		if d.Revoked != nil {
			e.Fatalf("%s obeys an order that was over", d.Lease.TaskID)
		}
	}
}

func cancelAudit(e *env) {
	e.acceptPlain("ended", "running", "ready")
	e.end(runtime.Succeeded, e.takeNext("ended"))
	e.takeNext("running")
	for _, id := range []string{"ready", "running", "ended", "unknown"} {
		e.cancel(runtime.Revocation{TaskID: id, By: "ops", Reason: "wrong batch"})
	}
	for id, want := range map[string]int{"ready": 1, "running": 1, "ended": 0, "unknown": 0} {
		es := e.auditsOf(id)
		if len(es) != want {
			e.Errorf("%s: %d audit entries; want %d", id, len(es), want)
			continue
		}
		for _, a := range es {
			if a.Action != runtime.AuditCancel || a.By != "ops" || a.Reason != "wrong batch" || a.Queue != queue || !a.At.Equal(e.clock.Now()) {
				e.Errorf("%s: audit entry %+v", id, a)
			}
		}
	}
}

func cancelBatch(e *env) {
	e.acceptPlain("a", "b", "c")
	e.end(runtime.Succeeded, e.takeNext("a"))
	e.takeNext("b")
	var rs []runtime.Revocation
	for _, id := range []string{"b", "nobody", "c", "a", "c"} {
		rs = append(rs, runtime.Revocation{TaskID: id})
	}
	out := e.cancelAll(rs...)
	e.wantCancel(out[0], "b", runtime.StateRunning, false)
	e.wantCancel(out[1], "nobody", "", false)
	e.wantCancel(out[2], "c", runtime.StateQueued, true)
	e.wantCancel(out[3], "a", runtime.StateSucceeded, false)
	e.wantCancel(out[4], "c", runtime.StateCancelled, false)
}

// Purging a queue is a cancellation of what waits in it; filters tell the two
// apart.
func cancelPurged(e *env) {
	e.acceptPlain("a")
	e.cancel(runtime.Revocation{TaskID: "a", By: "ops", Reason: runtime.ReasonPurged})
	e.wasCancelled("a", runtime.ReasonPurged)
}

func cancelTwice(e *env) {
	e.acceptPlain("a", "b")
	e.takeNext("a")
	for i := range 2 {
		e.cancel(runtime.Revocation{TaskID: "a", By: "ops"})
		if e.cancel(runtime.Revocation{TaskID: "b", By: "ops"}).Ended != (i == 0) {
			e.Fatalf("order %d of b: wrong answer", i+1)
		}
	}
	for _, id := range []string{"a", "b"} {
		if n := len(e.auditsOf(id)); n != 1 {
			e.Errorf("%s: %d audit entries for one change", id, n)
		}
	}
}

func cancelAcross(e *env) {
	e.acceptPlain("a", "b")
	d := e.takeNext("a")
	other := e.from(e.open())
	other.cancel(runtime.Revocation{TaskID: "a", Terminate: true})
	other.cancel(runtime.Revocation{TaskID: "b"})
	if x := e.renewed(d); len(x.Revoked) != 1 {
		e.Fatalf("the worker has not learned of it: %+v", x)
	}
	e.wasCancelled("b", runtime.ReasonRevoked)
}

func cancelHarder(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.cancel(runtime.Revocation{TaskID: "a"})
	e.cancel(runtime.Revocation{TaskID: "a", Terminate: true})
	e.cancel(runtime.Revocation{TaskID: "a"})
	if x := e.renewed(d); len(x.Revoked) != 1 || !x.Revoked[0].Terminate {
		e.Fatalf("revoked %+v; want a, to be terminated", x.Revoked)
	}
}

func cancelShown(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	if l := e.location("a"); l.Revoked != nil {
		e.Fatalf("revoked %+v; want none yet", l.Revoked)
	}
	e.cancel(runtime.Revocation{TaskID: "a", By: "ops", Reason: "wrong batch"})
	if l := e.location("a"); l.Revoked == nil || l.Revoked.By != "ops" || l.Revoked.Reason != "wrong batch" {
		e.Fatalf("revoked %+v; want the order of ops", l.Revoked)
	}
	e.end(runtime.Succeeded, d)
	if l := e.location("a"); l.Revoked != nil {
		e.Fatalf("revoked %+v; want none: it came too late", l.Revoked)
	}
}

func cancelTotals(e *env) {
	e.acceptPlain("a", "b", "c")
	d := e.takeNext("a")
	for range 2 {
		for _, id := range []string{"a", "b"} {
			e.cancel(runtime.Revocation{TaskID: id})
		}
	}
	e.settled(retryOf(d, time.Time{}))
	if s := e.stat(queue); s.Cancelled != 2 || s.Retried != 0 || s.Ready != 1 {
		e.Fatalf("%+v; want 2 cancelled, 1 ready", s)
	}
}
