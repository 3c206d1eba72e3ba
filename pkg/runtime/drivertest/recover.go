package drivertest

import (
	"fmt"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var recoverCases = []testCase{
	{"01_DueBecomesReady", recoverDue},
	{"02_OldestDueFirst", recoverDueOrder},
	{"03_TenThousandDueAtOnce", recoverManyDue},
	{"04_LostWorkersTasksGoToOthers", recoverLease},
	{"05_LiveLeasesAreLeftAlone", recoverLiveLease},
	{"06_LossIsCountedOnce", recoverLoss},
	{"07_OnlyWhatHadStartedIsChargedAgain", recoverStarted},
	{"08_PoisonGoesToTheDeadLetters", recoverPoison},
	{"09_DefaultNumberOfLosses", recoverPoisonDefault},
	{"10_ExpiredEnds", recoverExpired},
	{"11_ExpiredEndsWhereverItWaits", recoverExpiredAnywhere},
	{"12_RunningDoesNotExpire", recoverExpiredRunning},
	{"13_ParkedGoBackByNameAndQueue", recoverUnpark},
	{"14_UnparkedKeepTheirOrder", recoverUnparkOrder},
	{"15_NextDueTellsWhenToCallAgain", recoverNextDue},
	{"16_BoundedAndMoreIsSet", recoverMax},
	{"17_SeveralAtOnceDoNoHarm", recoverTogether},
	{"18_NothingToDo", recoverNothing},
	{"19_ReclaimedByAnotherProcess", recoverAcross},
	{"20_ReclaimedKeepsItsPlace", recoverPlace},
	{"21_OldRecordsGo", recoverSweep},
	{"22_ManyLeasesAtOnce", recoverManyLeases},
	{"23_ExpiresWhileDelayed", recoverExpiredDelayed},
	{"24_ExpiresWhileItWaitsForALimit", recoverExpiredWaiting},
	{"25_ClockSetBack", recoverSetBack},
	{"26_LiveWorkerAndAClockSetBack", recoverSetBackAlive},
	{"27_ClockSetForward", recoverSetForward},
}

func recoverDue(e *env) {
	e.accept(e.task("a", due(e.after(time.Second))), e.task("b", due(e.after(time.Hour))))
	if r := e.pass(time.Second); r.Promoted != 1 {
		e.Fatalf("%d promoted; want a alone", r.Promoted)
	}
	if r := e.recover(); r.Promoted != 0 {
		e.Fatalf("%d promoted again", r.Promoted)
	}
	e.take("a")
}

// Published newest first: a store that promotes in the order of publication, or
// newest first, gives the oldest promises last.
func recoverDueOrder(e *env) {
	for i := 9; i >= 0; i-- {
		e.accept(e.task(fmt.Sprint("due", i), due(e.after(time.Duration(i+1)*time.Second))))
	}
	e.clock.Advance(time.Hour)
	r, err := e.Broker.Recover(e.ctx, runtime.Recover{Max: 3})
	e.ok(err, "recover")
	if r.Promoted != 3 || !r.More {
		e.Fatalf("%d promoted, more %v; want 3 and more", r.Promoted, r.More)
	}
	e.wantIDs(sorted(deliveredIDs(e.receive(100))), "due0", "due1", "due2")
}

func recoverManyDue(e *env) {
	const n = 10_000
	at := e.after(time.Minute)
	for i := range n / 1000 {
		var ps []runtime.Publication
		for _, id := range numbered(fmt.Sprint("t", i, "-"), 1000) {
			ps = append(ps, e.task(id, due(at)))
		}
		e.accept(ps...)
	}
	if r := e.pass(time.Minute); r.Promoted != n {
		e.Fatalf("%d promoted; want %d", r.Promoted, n)
	}
	if s := e.stat(queue); s.Ready != n || s.Delayed != 0 {
		e.Fatalf("%d ready, %d delayed; want %d, 0", s.Ready, s.Delayed, n)
	}
	got := map[string]bool{}
	for range n / 1000 {
		for _, d := range e.receive(1000) {
			got[d.Lease.TaskID] = true
		}
	}
	if len(got) != n {
		e.Fatalf("%d tasks were handed out; want %d", len(got), n)
	}
}

func recoverLease(e *env) {
	e.acceptPlain("a")
	old := e.takeOne("a")
	e.pass(lease - time.Second)
	e.takeNone()
	if r := e.pass(2 * time.Second); r.Reclaimed != 1 {
		e.Fatalf("%d reclaimed; want 1", r.Reclaimed)
	}
	if r := e.is("a", runtime.StateQueued, runtime.PlaceReady); r.Worker != "" {
		e.Errorf("nobody holds it, but the record names %s", r.Worker)
	}
	d := e.takeAs(w2, "a")[0]
	if d.Deliveries != 2 || d.Losses != 1 || d.Envelope.Attempt != 0 || d.Lease.Fence == old.Lease.Fence {
		e.Fatalf("second hand-out: %+v; want delivery 2, loss 1, attempt 0, a new fence", d)
	}
	if s := e.stat(queue); s.Lost != 1 {
		e.Fatalf("%d lost; want 1", s.Lost)
	}
}

func recoverLiveLease(e *env) {
	e.acceptPlain("a", "b")
	e.takeNext("a")
	e.clock.Advance(20 * time.Second)
	e.takeAs(w2, "b")
	if r := e.pass(11 * time.Second); r.Reclaimed != 1 {
		e.Fatalf("%d reclaimed; want w1's alone", r.Reclaimed)
	}
	e.is("a", runtime.StateQueued, runtime.PlaceReady)
	e.is("b", runtime.StateRunning, runtime.PlaceLeased)
}

func recoverLoss(e *env) {
	e.acceptPlain("a")
	e.takeOne("a")
	e.pass(lease + time.Second)
	for range 3 {
		e.pass(time.Hour)
	}
	d := e.takeOne("a")
	if d.Losses != 1 {
		e.Fatalf("%d losses; want 1", d.Losses)
	}
	e.end(runtime.Released, d)
	if r := e.record("a"); r.Losses != 1 {
		e.Fatalf("a release changed the losses to %d", r.Losses)
	}
}

// lose lets the leases end of what is handed out now, after marking some tasks
// as started.
func (e *env) lose(started ...string) []runtime.Delivery {
	e.Helper()
	ds := e.receive(100)
	for _, d := range ds {
		for _, id := range started {
			if d.Lease.TaskID == id {
				e.admitAll(w1, runtime.Admission{Lease: d.Lease, Started: true})
			}
		}
	}
	e.pass(lease + time.Second)
	return ds
}

func recoverStarted(e *env) {
	e.acceptPlain("culprit", "neighbour")
	e.lose()
	for range 3 {
		e.lose("culprit")
	}
	if r := e.record("neighbour"); r.Losses != 1 {
		e.Errorf("neighbour, merely prefetched: %d losses; want 1", r.Losses)
	}
	if r := e.record("culprit"); r.Losses != 4 {
		e.Errorf("culprit, which had started each time: %d losses; want 4", r.Losses)
	}
	if r := e.record("culprit"); r.Attempt != 0 {
		e.Errorf("losses were charged as attempts: %d", r.Attempt)
	}
}

func recoverPoison(e *env) {
	e.accept(e.task("a", unique("k")), e.task("b"))
	e.lose()
	ds := e.receive(100)
	e.admitAll(w1, runtime.Admission{Lease: ds[0].Lease, Started: true})
	e.clock.Advance(lease + time.Second)
	if r := e.recoverWith(runtime.Recover{MaxLosses: 2}); r.Poisoned != 1 {
		e.Fatalf("%d poisoned; want a alone", r.Poisoned)
	}
	l := e.isDead("a", runtime.ReasonPoison)
	if l.Task.Losses != 2 || l.Task.Error == "" || l.Envelope == nil {
		e.Fatalf("dead letter %+v; want 2 losses, a line that says so and the envelope", l.Task)
	}
	e.wantSettled(e.settle(as(ds[0], runtime.Succeeded))[0], runtime.LeaseLost, "a")
	e.accept(e.task("c", unique("k")))
	e.take("b", "c")
}

func recoverPoisonDefault(e *env) {
	e.acceptPlain("a")
	for range runtime.DefaultMaxLosses - 1 {
		e.lose("a")
		e.is("a", runtime.StateQueued, runtime.PlaceReady)
	}
	e.lose("a")
	e.isDead("a", runtime.ReasonPoison)
}

func recoverExpired(e *env) {
	e.accept(e.task("a", expires(e.after(time.Minute)), unique("k")), e.task("b"))
	e.pass(59 * time.Second)
	e.is("a", runtime.StateQueued, runtime.PlaceReady)
	if r := e.pass(time.Second); r.Expired != 1 {
		e.Fatalf("%d expired; want a alone", r.Expired)
	}
	e.wasCancelled("a", runtime.ReasonExpired)
	e.take("b")
	e.accept(e.task("c", unique("k")))
	if s := e.stat(queue); s.Cancelled != 1 {
		e.Fatalf("%d cancelled; want 1", s.Cancelled)
	}
}

func recoverExpiredDelayed(e *env) {
	e.accept(e.task("a", due(e.after(time.Hour)), expires(e.after(time.Minute))))
	e.pass(2 * time.Hour)
	e.wasCancelled("a", runtime.ReasonExpired)
	e.takeNone()
}

func recoverExpiredAnywhere(e *env) {
	end := e.after(time.Minute)
	e.accept(e.task("ready", expires(end)), e.task("delayed", due(e.after(time.Hour)), expires(end)))
	if r := e.pass(time.Minute); r.Expired != 2 {
		e.Fatalf("%d expired; want 2", r.Expired)
	}
	e.wasCancelled("ready", runtime.ReasonExpired)
	e.wasCancelled("delayed", runtime.ReasonExpired)
}

// A hand-out that found the limit full came to nothing: the task has not begun
// and must not begin after its time.
func recoverExpiredWaiting(e *env) {
	end := e.after(10 * time.Second)
	e.accept(e.task("a"), e.task("slot", expires(end)), e.task("rate", expires(end)), e.task("c"))
	ds := e.take("a", "slot", "rate", "c")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1], ds[3])
	rate := runtime.LimitUse{Key: "group:r", Rate: 1, Per: time.Hour}
	e.runs(rate, ds[0])
	e.booked(rate, ds[2], e.after(time.Hour))
	if r := e.pass(10 * time.Second); r.Expired != 2 {
		e.Fatalf("%d expired; want the two that came to nothing", r.Expired)
	}
	e.wasCancelled("slot", runtime.ReasonExpired)
	e.wasCancelled("rate", runtime.ReasonExpired)
	e.end(runtime.Succeeded, ds[0])
	e.takeOne("c")
}

func recoverExpiredRunning(e *env) {
	e.accept(e.task("a", expires(e.after(10*time.Second))))
	d := e.takeOne("a")
	if r := e.pass(20 * time.Second); r.Expired != 0 {
		e.Fatal("a running task was ended as expired")
	}
	e.end(runtime.Succeeded, d)
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
}

func (e *env) park(ps ...runtime.Publication) {
	e.Helper()
	e.accept(ps...)
	for _, d := range e.receive(len(ps), queue, "mail") {
		e.settled(parkedAs(d))
	}
}

func recoverUnpark(e *env) {
	e.park(e.task("a"), e.task("b", named("demo.mul")), e.task("c", inQueue("mail")))
	for _, r := range []runtime.Recover{
		{}, {Known: []string{"demo.add"}}, {Queues: []string{queue}}, {Known: []string{"demo"}, Queues: []string{queue}},
	} {
		if got := e.recoverWith(r); got.Unparked != 0 {
			e.Fatalf("recover %+v released %d", r, got.Unparked)
		}
	}
	if r := e.recoverWith(runtime.Recover{Known: []string{"demo.add"}, Queues: []string{"mail"}}); r.Unparked != 1 {
		e.Fatalf("%d released; want c alone", r.Unparked)
	}
	e.is("c", runtime.StateQueued, runtime.PlaceReady)
	if r := e.recoverWith(runtime.Recover{Known: []string{"demo.add", "demo.mul"}, Queues: []string{queue, "mail"}}); r.Unparked != 2 {
		e.Fatalf("%d released; want a and b", r.Unparked)
	}
	if r := e.record("a"); r.Reason != "" {
		e.Fatalf("released, and still parked for %q", r.Reason)
	}
	e.take("a", "b")
}

func recoverUnparkOrder(e *env) {
	e.park(e.tasks("a", "b", "c")...)
	e.acceptPlain("d")
	e.recoverWith(runtime.Recover{Known: []string{"demo.add"}, Queues: []string{queue}})
	e.take("a", "b", "c", "d")
}

func recoverNextDue(e *env) {
	if r := e.recover(); !r.NextDue.IsZero() {
		e.Fatalf("next due %v in an empty store", r.NextDue)
	}
	e.accept(e.task("a", due(e.after(time.Hour))), e.task("b", due(e.after(time.Minute))))
	e.wantNextDue(e.after(time.Minute))
	e.accept(e.task("c", expires(e.after(50*time.Second))))
	e.wantNextDue(e.after(50 * time.Second))
	e.take("c")
	e.wantNextDue(e.after(lease))
}

// wantNextDue asks that a caller who sleeps until NextDue is not late.
func (e *env) wantNextDue(want time.Time) {
	e.Helper()
	if r := e.recover(); r.NextDue.IsZero() || r.NextDue.After(want) {
		e.Fatalf("next due %v; want %v", r.NextDue, want)
	}
}

func recoverMax(e *env) {
	for _, id := range numbered("t", 25) {
		e.accept(e.task(id, due(e.after(time.Minute))))
	}
	e.clock.Advance(time.Hour)
	sum := 0
	for i := range 3 {
		r, err := e.Broker.Recover(e.ctx, runtime.Recover{Max: 10})
		e.ok(err, "recover")
		if r.Promoted > 10 || (i < 2) != r.More {
			e.Fatalf("step %d: %d promoted, more %v", i+1, r.Promoted, r.More)
		}
		sum += r.Promoted
	}
	if sum != 25 {
		e.Fatalf("%d promoted; want 25", sum)
	}
}

func recoverTogether(e *env) {
	for i, id := range numbered("t", 200) {
		e.accept(e.task(id, due(e.after(time.Duration(i%7)*time.Second)), expires(e.after(24*time.Hour))))
	}
	e.takeSome(28)
	e.clock.Advance(time.Hour)
	var (
		mu  sync.Mutex
		sum runtime.Recovered
		wg  sync.WaitGroup
	)
	for range 4 {
		b := e.open()
		wg.Go(func() {
			for more := true; more; {
				r, err := b.Broker.Recover(e.ctx, runtime.Recover{Max: 20})
				if err != nil {
					e.Errorf("recover: %v", err)
					return
				}
				mu.Lock()
				sum.Promoted += r.Promoted
				sum.Reclaimed += r.Reclaimed
				mu.Unlock()
				more = r.More
			}
		})
	}
	wg.Wait()
	if sum.Promoted != 171 || sum.Reclaimed != 28 {
		e.Errorf("promoted %d, reclaimed %d; want 171 and 28", sum.Promoted, sum.Reclaimed)
	}
	if s := e.stat(queue); s.Ready != 200 {
		e.Fatalf("%d ready; want 200", s.Ready)
	}
}

func (e *env) takeSome(n int) []runtime.Delivery {
	e.Helper()
	ds := e.receive(n)
	if len(ds) != n {
		e.Fatalf("%d tasks are ready; want %d", len(ds), n)
	}
	return ds
}

func recoverNothing(e *env) {
	r := e.recover()
	if r != (runtime.Recovered{}) {
		e.Fatalf("recover in an empty store: %+v", r)
	}
}

func recoverAcross(e *env) {
	e.acceptPlain("a")
	e.takeOne("a")
	e.clock.Advance(lease + time.Second)
	other := e.from(e.open())
	if r := other.recover(); r.Reclaimed != 1 {
		e.Fatalf("%d reclaimed; want 1", r.Reclaimed)
	}
	other.takeAs(w2, "a")
}

func recoverPlace(e *env) {
	e.acceptPlain("a", "b", "c")
	e.takeNext("a")
	e.pass(lease + time.Second)
	e.take("a", "b", "c")
}

func recoverSweep(e *env) {
	ids := numbered("t", 30)
	e.acceptPlain(ids...)
	for _, d := range e.take(ids...) {
		s := as(d, runtime.Succeeded)
		s.Keep = time.Minute
		e.settled(s)
	}
	e.clock.Advance(2 * time.Minute)
	r, err := e.Broker.Recover(e.ctx, runtime.Recover{Max: 10})
	e.ok(err, "recover")
	if r.Swept > 10 || !r.More {
		e.Fatalf("%d swept, more %v; want at most 10 and more", r.Swept, r.More)
	}
	e.recover()
	if n := len(e.ended(runtime.TaskQuery{})); n != 0 {
		e.Fatalf("%d old records are left", n)
	}
}

func recoverManyLeases(e *env) {
	ids := numbered("t", 1000)
	e.acceptPlain(ids...)
	e.take(ids...)
	if r := e.pass(lease + time.Second); r.Reclaimed != 1000 {
		e.Fatalf("%d reclaimed; want 1000", r.Reclaimed)
	}
	e.take(ids...)
}

// Leases last for a time: when the clock goes back by an hour, the dead are not
// alive for an hour more.
func recoverSetBack(e *env) {
	e.accept(e.task("a"), e.task("own", visibility(10*time.Second)), e.task("long"))
	ds := e.take("a", "own", "long")
	ds[2].Lease.Until = e.after(2 * lease)
	e.extend(w1, ds[2])
	e.pass(-time.Hour)
	e.wantNextDue(e.after(10 * time.Second))
	e.pass(10 * time.Second)
	e.is("own", runtime.StateQueued, runtime.PlaceReady)
	e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	e.pass(lease - 10*time.Second)
	e.is("a", runtime.StateQueued, runtime.PlaceReady)
	e.is("long", runtime.StateRunning, runtime.PlaceLeased)
	e.pass(lease)
	e.is("long", runtime.StateQueued, runtime.PlaceReady)
	e.takeAs(w2, "a", "own", "long")
}

// Who renews keeps what it has, and is taken for dead as soon as it stops.
func recoverSetBackAlive(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	for i := range ds {
		ds[i].Lease.Until = time.Time{} // nothing longer is asked for
	}
	e.clock.Advance(-time.Hour)
	e.extend(w1, ds...)
	if r := e.pass(lease - time.Second); r.Reclaimed != 0 {
		e.Fatalf("%d of a live worker were reclaimed", r.Reclaimed)
	}
	e.end(runtime.Succeeded, ds[0])
	if r := e.pass(time.Second); r.Reclaimed != 1 {
		e.Fatalf("%d reclaimed a lease after the last renewal; want b", r.Reclaimed)
	}
	e.takeOne("b")
}

// All leases are over at once: everything goes to others, once, and whoever had
// it before cannot settle it.
func recoverSetForward(e *env) {
	e.acceptPlain("a", "b")
	old := e.take("a", "b")
	if r := e.pass(24 * time.Hour); r.Reclaimed != 2 {
		e.Fatalf("%d reclaimed; want both", r.Reclaimed)
	}
	ds := e.takeAs(w2, "a", "b")
	e.wantSettled(e.settle(as(old[0], runtime.Succeeded))[0], runtime.LeaseLost, "a")
	e.pass(-24 * time.Hour)
	e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	e.pass(lease)
	for _, d := range ds {
		e.is(d.Lease.TaskID, runtime.StateQueued, runtime.PlaceReady)
	}
}
