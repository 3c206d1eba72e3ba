package drivertest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var settleCases = []testCase{
	{"01_SucceededEnds", settleSucceeded},
	{"02_DeadIsADeadLetter", settleDead},
	{"03_CancelledEnds", settleCancelled},
	{"04_RetriedComesBackWithTheNextAttempt", settleRetried},
	{"05_RetriedWaitsUntilItsTime", settleRetriedLater},
	{"06_RetriedAsItWas", settleRetriedSame},
	{"07_RepeatedReplyIsHarmless", settleRepeated},
	{"08_OtherOutcomeIsNoRepeat", settleOtherOutcome},
	{"09_ReleasedKeepsItsPlace", settleReleased},
	{"10_ReleasedUntilLater", settleReleasedLater},
	{"11_ParkedWaitsForItsName", settleParked},
	{"12_AcknowledgedKeepsTheLease", settleAcknowledged},
	{"13_AcknowledgedThenLostIsDead", settleAcknowledgedLost},
	{"14_LateSettleChangesNothing", settleLate},
	{"15_LateSettleLeavesTheNewHolderAlone", settleStale},
	{"16_AnotherWorkerCannotSettle", settleForeign},
	{"17_RestartedWorkerDoesNotOwnOldLeases", settleIncarnation},
	{"18_UnknownTaskIsLost", settleUnknown},
	{"19_OneResultEachInOrder", settleMixed},
	{"20_RefusedKeepsTheLease", settleRefused},
	{"21_SameLeaseTwiceInOneBatch", settleTwiceInBatch},
	{"22_EffectsComeWithTheStep", settleEffects},
	{"23_EffectsDoNotComeWhenTheLeaseIsLost", settleEffectsLost},
	{"24_FollowUpsAreIdempotent", settleEffectsTwice},
	{"25_InvalidFollowUpDoesNotSpoilTheStep", settleEffectsInvalid},
	{"26_EveryOutcomeCarriesEffects", settleEffectsAlways},
	{"27_RecordLivesAsLongAsItShould", settleKeep},
	{"28_NegativeKeepForgetsAtOnce", settleForget},
	{"29_RecordWithoutABody", settleNoBody},
	{"30_RepeatAfterTheNextHandOut", settleRepeatedAcross},
	{"31_ThousandInOneStep", settleThousand},
	{"32_NothingToSettle", settleNothing},
	{"33_OverdueButNotReclaimed", settleOverdue},
	{"34_TotalsGrowOnce", settleTotals},
	{"35_RetryChangesThePriority", settleRetriedPriority},
	{"36_IDUsedAgainIsAnotherTask", settleReusedID},
	{"37_PurgedTaskIsLost", settlePurged},
	{"38_KeptForVeryLong", settleKeepLong},
	{"39_FenceOfAnotherTask", settleOthersFence},
}

func settleSucceeded(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.clock.Advance(time.Second)
	s := as(d, runtime.Succeeded)
	s.Result = []byte("any \x00 bytes")
	e.settled(s)
	r := e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
	if !bytes.Equal(r.Body, s.Result) || !r.FinishedAt.Equal(e.clock.Now()) || r.Worker != "w1" {
		e.Fatalf("record: body %q, finished %v by %q; want %q, now, by w1", r.Body, r.FinishedAt, r.Worker, s.Result)
	}
	e.takeNone()
	e.pass(time.Hour)
	e.takeNone()
}

func settleDead(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.clock.Advance(time.Second)
	s := died(d, runtime.ReasonExhausted, "dial tcp: refused")
	s.Result = []byte(`{"v":1}`)
	e.settled(s)
	l := e.isDead("a", runtime.ReasonExhausted)
	if l.Task.Error != s.Error || !l.Task.FinishedAt.Equal(e.clock.Now()) || !bytes.Equal(l.Body, s.Result) {
		e.Fatalf("dead letter: %+v, body %q", l.Task, l.Body)
	}
	e.sameEnvelope(l.Envelope, e.taskAt(l.Task.EnqueuedAt, "a").Envelope)
	if r := e.record("a"); r.Reason != runtime.ReasonExhausted || r.Error != s.Error || !bytes.Equal(r.Body, s.Result) {
		e.Fatalf("record: %+v", r)
	}
	e.pass(lease + time.Second)
	e.takeNone()
}

// taskAt is a plain task that was enqueued at another time than now.
func (e *env) taskAt(at time.Time, id string) runtime.Publication {
	p := e.task(id)
	p.Envelope.EnqueuedAt = at
	return p
}

func settleCancelled(e *env) {
	e.acceptPlain("a")
	s := as(e.takeOne("a"), runtime.Cancelled)
	s.Reason, s.Error = runtime.ReasonRevoked, "asked to"
	e.settled(s)
	e.wasCancelled("a", runtime.ReasonRevoked)
	if r := e.record("a"); r.Error != "asked to" || !r.FinishedAt.Equal(e.clock.Now()) {
		e.Fatalf("record: %+v", r)
	}
	e.takeNone()
}

func settleRetried(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	s := retryOf(d, time.Time{})
	s.Result = []byte("attempt 0 failed")
	ok := s.Next.SetMeta(runtime.MetaAttempts, []int{0})
	e.ok(ok, "set meta")
	e.settled(s)
	if r := e.is("a", runtime.StateRetried, runtime.PlaceReady); r.Attempt != 1 || !bytes.Equal(r.Body, s.Result) {
		e.Fatalf("record: attempt %d, body %q; want 1, that of the last settlement", r.Attempt, r.Body)
	}
	if n := len(e.deadLetters(runtime.DeadQuery{})); n != 0 {
		e.Fatalf("a retry left %d dead letters", n)
	}
	again := e.takeOne("a")
	e.sameEnvelope(again.Envelope, s.Next)
	if again.Deliveries != 2 || again.Losses != 0 {
		e.Fatalf("second attempt: %d deliveries, %d losses", again.Deliveries, again.Losses)
	}
	e.end(runtime.Succeeded, again)
}

func settleRetriedLater(e *env) {
	e.acceptPlain("a")
	at := e.after(90 * time.Second)
	e.settled(retryOf(e.takeOne("a"), at))
	if r := e.is("a", runtime.StateRetried, runtime.PlaceDelayed); !r.DueAt.Equal(at) {
		e.Fatalf("due %v; want %v", r.DueAt, at)
	}
	e.takeNone()
	e.pass(90*time.Second - time.Millisecond)
	e.takeNone()
	e.pass(time.Millisecond)
	if d := e.takeOne("a"); d.Envelope.Attempt != 1 {
		e.Fatalf("attempt %d; want 1", d.Envelope.Attempt)
	}
}

func settleRetriedSame(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.settled(runtime.Settlement{Lease: d.Lease, Outcome: runtime.Retried, At: e.after(-time.Hour)})
	e.sameEnvelope(e.takeOne("a").Envelope, d.Envelope)
}

func settleRetriedPriority(e *env) {
	e.acceptPlain("a", "b", "c")
	s := retryOf(e.takeNext("a"), time.Time{})
	s.Next.Priority = 4
	e.settled(s)
	if r := e.record("a"); r.Priority != 4 {
		e.Fatalf("record says priority %d; want the next envelope's 4", r.Priority)
	}
	e.take("a", "b", "c")
}

// outcomes are settlements of every kind, each for a task of its own name.
var outcomes = []runtime.Outcome{
	runtime.Succeeded, runtime.Retried, runtime.Dead, runtime.Cancelled,
	runtime.Released, runtime.Parked, runtime.Acknowledged,
}

// settlementOf is a full settlement of a kind.
func settlementOf(d runtime.Delivery, o runtime.Outcome) runtime.Settlement {
	switch o {
	case runtime.Retried:
		return retryOf(d, time.Time{})
	case runtime.Dead:
		return died(d, runtime.ReasonPermanent, "boom")
	case runtime.Parked:
		return parkedAs(d)
	case runtime.Cancelled:
		s := as(d, o)
		s.Reason = runtime.ReasonRevoked
		return s
	}
	return as(d, o)
}

// parkedAs hands back a task whose name the worker does not know.
func parkedAs(d runtime.Delivery) runtime.Settlement {
	return runtime.Settlement{Lease: d.Lease, Outcome: runtime.Parked, Reason: runtime.ReasonUnknown, Error: "who is demo.add?"}
}

func settleReleased(e *env) {
	e.acceptPlain("a", "b", "c", "d")
	ds := e.receive(3)
	e.wantIDs(deliveredIDs(ds), "a", "b", "c")
	e.end(runtime.Released, ds[2], ds[0], ds[1])
	if r := e.is("a", runtime.StateQueued, runtime.PlaceReady); r.Attempt != 0 || r.Losses != 0 {
		e.Fatalf("a release was charged: %+v", r)
	}
	e.take("a", "b", "c", "d")
}

func settleReleasedLater(e *env) {
	e.acceptPlain("a")
	s := as(e.takeOne("a"), runtime.Released)
	s.At = e.after(time.Minute)
	e.settled(s)
	e.is("a", runtime.StateQueued, runtime.PlaceDelayed)
	e.takeNone()
	e.pass(time.Minute)
	if d := e.takeOne("a"); d.Envelope.Attempt != 0 || d.Losses != 0 {
		e.Fatalf("a release was charged: attempt %d, %d losses", d.Envelope.Attempt, d.Losses)
	}
}

func settleParked(e *env) {
	e.accept(e.task("a"), e.task("b", named("demo.mul")), e.task("c", inQueue("mail")))
	for _, d := range e.receive(10, queue, "mail") {
		e.settled(parkedAs(d))
	}
	if r := e.is("a", runtime.StateQueued, runtime.PlaceParked); r.Reason != runtime.ReasonUnknown || r.Error != "who is demo.add?" {
		e.Fatalf("parked for %q (%q); want unknown-task and the line", r.Reason, r.Error)
	}
	e.pass(lease + time.Hour)
	e.takeNone()
	known := runtime.Recover{Known: []string{"demo.add", "demo.sub"}, Queues: []string{queue, "other"}}
	if r := e.recoverWith(known); r.Unparked != 1 {
		e.Fatalf("%d were unparked; want a alone", r.Unparked)
	}
	if d := e.takeOne("a"); d.Envelope.Attempt != 0 || d.Losses != 0 {
		e.Fatalf("parking was charged: attempt %d, %d losses", d.Envelope.Attempt, d.Losses)
	}
	e.is("b", runtime.StateQueued, runtime.PlaceParked)
	e.is("c", runtime.StateQueued, runtime.PlaceParked)
}

func settleAcknowledged(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.end(runtime.Acknowledged, d)
	e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	e.takeNone()
	e.end(runtime.Succeeded, d)
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
}

func settleAcknowledgedLost(e *env) {
	e.accept(e.task("a", unique("k")))
	d := e.takeOne("a")
	e.end(runtime.Acknowledged, d)
	e.pass(lease + time.Second)
	e.isDead("a", runtime.ReasonWorkerLost)
	e.wantSettled(e.settle(as(d, runtime.Succeeded))[0], runtime.LeaseLost, "a")
	e.isDead("a", runtime.ReasonWorkerLost)
	e.takeNone()
	e.accept(e.task("b", unique("k")))
}

func settleMixed(e *env) {
	e.acceptPlain("a", "b", "c", "d", "e")
	ds := e.take("a", "b", "c", "d", "e")
	e.end(runtime.Succeeded, ds[1])
	gone := as(ds[2], runtime.Succeeded)
	gone.Lease.Fence += 1000
	rs := e.settle(died(ds[4], runtime.ReasonPermanent, ""), as(ds[1], runtime.Succeeded), gone,
		retryOf(ds[3], time.Time{}), as(ds[0], 99))
	e.wantSettled(rs[0], runtime.Settled, "e")
	e.wantSettled(rs[1], runtime.Repeated, "b")
	e.wantSettled(rs[2], runtime.LeaseLost, "c")
	e.wantSettled(rs[3], runtime.Settled, "d")
	e.wantSettled(rs[4], runtime.Refused, "a")
	e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	e.is("c", runtime.StateRunning, runtime.PlaceLeased)
	e.is("d", runtime.StateRetried, runtime.PlaceReady)
}

func settleRefused(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	broken := retryOf(d, time.Time{})
	broken.Next.Name = "no spaces please"
	other := retryOf(d, time.Time{})
	other.Next.ID = "b"
	group := as(d, runtime.Succeeded)
	group.Effects = &runtime.Effects{Groups: []runtime.Group{{ID: "g"}}}
	for why, s := range map[string]runtime.Settlement{
		"no outcome": as(d, 0), "broken next": broken, "next of another id": other, "broken group": group,
	} {
		r := e.settle(s)[0]
		if r.Status != runtime.Refused || runtime.CodeOf(r.Err) != runtime.CodeInvalid {
			e.Errorf("%s: %s (%v); want refused, with why", why, settleName(r.Status), r.Err)
		}
		e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	}
	e.end(runtime.Succeeded, d)
}

func settleKeep(e *env) {
	e.acceptPlain("short", "usual", "dead")
	ds := e.take("short", "usual", "dead")
	short := as(ds[0], runtime.Succeeded)
	short.Keep = time.Hour
	e.settled(short, as(ds[1], runtime.Succeeded), died(ds[2], runtime.ReasonPermanent, ""))
	if r := e.record("short"); !r.KeepUntil.Equal(e.after(time.Hour)) {
		e.Errorf("short: kept until %v; want an hour", r.KeepUntil)
	}
	if r := e.record("usual"); !r.KeepUntil.Equal(e.after(runtime.DefaultKeep)) {
		e.Errorf("usual: kept until %v; want %s", r.KeepUntil, runtime.DefaultKeep)
	}
	e.pass(59 * time.Minute)
	e.is("short", runtime.StateSucceeded, runtime.PlaceDone)
	if r := e.pass(2 * time.Minute); r.Swept != 1 {
		e.Errorf("%d were swept after an hour; want 1", r.Swept)
	}
	e.unknown("short")
	e.is("usual", runtime.StateSucceeded, runtime.PlaceDone)
	e.pass(runtime.DefaultKeep)
	e.unknown("usual")
	e.pass(10 * 365 * 24 * time.Hour)
	e.isDead("dead", runtime.ReasonPermanent)
}

func settleForget(e *env) {
	e.acceptPlain("a")
	s := as(e.takeOne("a"), runtime.Succeeded)
	s.Keep, s.Result = -1, []byte("gone")
	e.settled(s)
	e.recover()
	e.unknown("a")
	if st := e.stat(queue); st.Succeeded != 1 {
		e.Fatalf("%d succeeded; want the forgotten one to be counted", st.Succeeded)
	}
}

func settleKeepLong(e *env) {
	e.acceptPlain("a")
	s := as(e.takeOne("a"), runtime.Succeeded)
	s.Keep = 100 * 365 * 24 * time.Hour
	e.settled(s)
	e.pass(50 * 365 * 24 * time.Hour)
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
}

func settleNoBody(e *env) {
	e.acceptPlain("a")
	e.end(runtime.Succeeded, e.takeOne("a"))
	if r := e.is("a", runtime.StateSucceeded, runtime.PlaceDone); len(r.Body) != 0 {
		e.Fatalf("body %q; want none", r.Body)
	}
}

func settleThousand(e *env) {
	ids := numbered("t", 1000)
	e.acceptPlain(ids...)
	var ss []runtime.Settlement
	for i, d := range e.take(ids...) {
		ss = append(ss, settlementOf(d, outcomes[i%4]))
	}
	e.settled(ss...)
	s := e.stat(queue)
	if s.Succeeded != 250 || s.Failed != 250 || s.Cancelled != 250 || s.Retried != 250 || s.Ready != 250 || s.Dead != 250 {
		e.Fatalf("%+v; want 250 of each end", s)
	}
}

func settleNothing(e *env) {
	if rs := e.settle(); len(rs) != 0 {
		e.Fatalf("%d results for nothing", len(rs))
	}
}

func settleTotals(e *env) {
	e.acceptPlain("a", "b", "c", "d", "e")
	ds := e.take("a", "b", "c", "d", "e")
	e.settled(as(ds[0], runtime.Succeeded), died(ds[1], runtime.ReasonPermanent, ""), as(ds[2], runtime.Cancelled),
		retryOf(ds[3], time.Time{}), as(ds[4], runtime.Released))
	e.takeAs(w2, "d", "e")
	e.pass(lease + time.Second)
	s := e.stat(queue)
	got := fmt.Sprint(s.Enqueued, s.Succeeded, s.Failed, s.Cancelled, s.Retried, s.Lost)
	if got != "5 1 1 1 1 2" {
		e.Fatalf("enqueued, succeeded, failed, cancelled, retried, lost: %s; want 5 1 1 1 1 2", got)
	}
}
