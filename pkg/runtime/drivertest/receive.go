package drivertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var receiveCases = []testCase{
	{"01_HighestPriorityFirst", receivePriority},
	{"02_FirstComeFirstServed", receiveFIFO},
	{"03_AtMostMaxOverAllQueues", receiveMax},
	{"04_StrictOrderOfQueues", receiveStrict},
	{"05_WeightsShare", receiveWeights},
	{"06_WeightsHoldOverManySmallReceives", receiveWeightsOneByOne},
	{"07_UnusedShareGoesToTheOthers", receiveUnusedShare},
	{"08_NothingThereReturnsAtOnce", receiveNothing},
	{"09_WaitEndsWithNothing", receiveWaits},
	{"10_PublishWakes", receiveWokenByPublish},
	{"11_PublishOfAnotherProcessWakes", receiveWokenAcross},
	{"12_ReleaseWakes", receiveWokenByRelease},
	{"13_PromotionWakes", receiveWokenByPromotion},
	{"14_ContextEndsTheWait", receiveContext},
	{"15_CloseEndsTheWait", receiveClosed},
	{"16_NoTaskForTwo", receiveNotTwice},
	{"17_LeaseSaysWhatItIs", receiveLease},
	{"18_FenceAndCountChangeWithEachHandOut", receiveFence},
	{"19_RecordIsRunning", receiveRecord},
	{"20_OwnVisibilityTimeoutOnlyShortens", receiveVisibility},
	{"21_UndecodableDoesNotSpoilItsBatch", receiveCorrupt},
	{"22_RequestIsChecked", receiveInvalid},
	{"23_ExpiredIsTold", receiveExpired},
	{"24_HandedOutInTimeDoesNotExpire", receiveHandedOut},
	{"25_OneTaskForManyWaiting", receiveOneForMany},
	{"26_PriorityAcrossPublishes", receivePriorityLate},
	{"27_AttemptIsNotCharged", receiveAttempt},
	{"28_WaitFindsWorkInTheLastQueue", receiveLastQueue},
	{"29_FollowUpWakes", receiveWokenByFollowUp},
	{"30_FreedSlotWakes", receiveWokenBySlot},
	{"31_ReclaimWakes", receiveWokenByReclaim},
	{"32_UnparkedWakes", receiveWokenByUnpark},
}

func receivePriority(e *env) {
	for i, p := range []int{1, 9, 0, 5, 9, 1} {
		e.accept(e.task(fmt.Sprintf("p%d-%d", p, i), priority(p)))
	}
	e.take("p9-1", "p9-4", "p5-3", "p1-0", "p1-5", "p0-2")
}

func receivePriorityLate(e *env) {
	e.acceptPlain("low1", "low2")
	e.accept(e.task("high1", priority(5)))
	e.takeNext("high1")
	e.accept(e.task("high2", priority(5)), e.task("top", priority(9)))
	e.takeNext("top")
	e.take("high2", "low1", "low2")
}

func receiveFIFO(e *env) {
	var want []string
	for i := range 20 {
		ids := numbered(fmt.Sprintf("b%02d-", i), i%3+1)
		e.acceptPlain(ids...)
		want = append(want, ids...)
	}
	for len(want) > 0 {
		n := min(7, len(want))
		e.wantIDs(deliveredIDs(e.receive(n)), want[:n]...)
		want = want[n:]
	}
}

func receiveMax(e *env) {
	for _, q := range []string{"a", "b", "c"} {
		for _, id := range numbered(q, 5) {
			e.accept(e.task(id, inQueue(q), priority(len(id)%2)))
		}
	}
	got := 0
	for _, n := range []int{1, 7, 3, 100} {
		ds := e.receive(n, "a", "b", "c")
		if want := min(n, 15-got); len(ds) != want {
			e.Fatalf("receive at most %d: %d; want %d", n, len(ds), want)
		}
		got += len(ds)
	}
}

func receiveStrict(e *env) {
	e.accept(e.task("b1", inQueue("b"), priority(9)), e.task("a1", inQueue("a")), e.task("a2", inQueue("a")), e.task("b2", inQueue("b")))
	e.wantIDs(deliveredIDs(e.receive(3, "a", "b")), "a1", "a2", "b1")
	e.accept(e.task("a3", inQueue("a")))
	e.wantIDs(deliveredIDs(e.receive(10, "a", "b")), "a3", "b2")
}

// weighted asks for at most n of queues a (weight 3) and b (weight 1).
func weighted(n int) runtime.Receive {
	r := receiveFrom(w1, n, "a", "b")
	r.Queues[0].Weight, r.Queues[1].Weight = 3, 1
	return r
}

func (e *env) fill(n int, queues ...string) {
	e.Helper()
	for _, q := range queues {
		var ps []runtime.Publication
		for _, id := range numbered(q, n) {
			ps = append(ps, e.task(id, inQueue(q)))
		}
		e.accept(ps...)
	}
}

func byQueue(ds []runtime.Delivery) map[string]int {
	n := map[string]int{}
	for _, d := range ds {
		n[d.Lease.Queue]++
	}
	return n
}

func receiveWeights(e *env) {
	e.fill(100, "a", "b")
	n := byQueue(e.receiveWith(weighted(80)))
	if n["a"]+n["b"] != 80 || n["a"] < 52 || n["a"] > 68 {
		e.Fatalf("weights 3 to 1, 80 asked for: %v; want about 60 and 20", n)
	}
}

func receiveWeightsOneByOne(e *env) {
	e.fill(100, "a", "b")
	n := map[string]int{}
	for range 80 {
		for q, k := range byQueue(e.receiveWith(weighted(1))) {
			n[q] += k
		}
	}
	if n["a"]+n["b"] != 80 || n["a"] < 44 || n["a"] > 76 {
		e.Fatalf("weights 3 to 1, 80 times one: %v; want about 60 and 20", n)
	}
}

func receiveUnusedShare(e *env) {
	e.fill(2, "a")
	e.fill(30, "b")
	if n := byQueue(e.receiveWith(weighted(20))); n["a"] != 2 || n["b"] != 18 {
		e.Fatalf("20 of 2 and 30: %v; want 2 and 18", n)
	}
}

func receiveNothing(e *env) {
	start := time.Now()
	e.takeNone()
	if len(e.receive(10, "never.seen")) != 0 {
		e.Fatal("an unknown queue has tasks")
	}
	if d := time.Since(start); d > 5*time.Second {
		e.Fatalf("receive without a wait took %s", d)
	}
}

func receiveWaits(e *env) {
	const wait = 30 * time.Millisecond
	r := receiveFrom(w1, 10)
	r.Wait = wait
	start := time.Now()
	if ds := e.receiveWith(r); len(ds) != 0 {
		e.Fatalf("receive: %s; want nothing", brief(deliveredIDs(ds)))
	}
	if d := time.Since(start); d < wait/2 {
		e.Fatalf("it waited %s; want %s", d, wait)
	}
}

// received is the answer to a Receive in another goroutine.
type received struct {
	ds  []runtime.Delivery
	err error
}

// waiting receives on b in a goroutine and waits up to 20 seconds for a task.
func (e *env) waiting(ctx context.Context, b *runtime.Backend, c runtime.Consumer, queues ...string) <-chan received {
	r := receiveFrom(c, 10, queues...)
	r.Wait = 20 * time.Second
	out := make(chan received, 1)
	go func() {
		ds, err := b.Broker.Receive(ctx, r)
		out <- received{ds, err}
	}()
	return out
}

// woken asks that a waiting Receive gets these tasks, and soon.
func (e *env) woken(out <-chan received, ids ...string) []runtime.Delivery {
	e.Helper()
	select {
	case r := <-out:
		e.ok(r.err, "receive")
		e.wantIDs(deliveredIDs(r.ds), ids...)
		return r.ds
	case <-time.After(10 * time.Second):
		e.Fatalf("receive was not woken within 10s; want %s", brief(ids))
		return nil
	}
}

// asleep gives a Receive in another goroutine the time to begin its wait. The
// cases hold without it; it makes them test the waking and not the first look.
func asleep() { <-time.After(20 * time.Millisecond) }

func receiveWokenByPublish(e *env) {
	out := e.waiting(e.ctx, e.Backend, w1)
	asleep()
	e.acceptPlain("a")
	e.woken(out, "a")
}

func receiveWokenAcross(e *env) {
	out := e.waiting(e.ctx, e.open(), w1)
	asleep()
	e.acceptPlain("a")
	e.woken(out, "a")
}

func receiveWokenByRelease(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.end(runtime.Released, d)
	e.woken(out, "a")
}

func receiveWokenByPromotion(e *env) {
	e.accept(e.task("a", due(e.after(time.Minute))))
	out := e.waiting(e.ctx, e.open(), w1)
	asleep()
	e.pass(time.Minute)
	e.woken(out, "a")
}

func receiveWokenByFollowUp(e *env) {
	e.accept(e.task("a", inQueue("other")))
	d := e.receive(1, "other")[0]
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.settled(leaving(as(d, runtime.Succeeded), e.task("next")))
	e.woken(out, "next")
}

func receiveWokenBySlot(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1])
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.end(runtime.Succeeded, ds[0])
	e.woken(out, "b")
}

func receiveWokenByReclaim(e *env) {
	e.acceptPlain("a")
	e.takeOne("a")
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.pass(lease + time.Second)
	e.woken(out, "a")
}

func receiveWokenByUnpark(e *env) {
	e.park(e.task("a"))
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.recoverWith(runtime.Recover{Known: []string{"demo.add"}, Queues: []string{queue}})
	e.woken(out, "a")
}

func receiveLastQueue(e *env) {
	out := e.waiting(e.ctx, e.Backend, w1, "x", "y", "z")
	asleep()
	e.accept(e.task("other", inQueue("elsewhere")))
	e.accept(e.task("a", inQueue("z")))
	e.woken(out, "a")
}

func receiveContext(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	out := e.waiting(ctx, e.Backend, w1)
	asleep()
	cancel()
	select {
	case r := <-out:
		if !errors.Is(r.err, context.Canceled) {
			e.Fatalf("receive: %v; want context.Canceled", r.err)
		}
	case <-time.After(10 * time.Second):
		e.Fatal("receive outlives its context")
	}
}

func receiveClosed(e *env) {
	b := e.open()
	out := e.waiting(e.ctx, b, w1)
	asleep()
	e.ok(b.Close(), "close")
	select {
	case r := <-out:
		e.fails(r.err, runtime.ErrUnavailable, "receive from a store that is closed")
	case <-time.After(10 * time.Second):
		e.Fatal("receive outlives its store")
	}
}

func receiveNotTwice(e *env) {
	e.acceptPlain("a", "b")
	e.takeNext("a")
	e.takeAs(w2, "b")
	e.takeNone()
}

// A wake-up goes to whoever is quick; the others find nothing and sleep on.
func receiveOneForMany(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	got := make(chan received, 8)
	other := e.open()
	for i := range 8 {
		b := e.Backend
		if i%2 == 1 {
			b = other
		}
		out := e.waiting(ctx, b, runtime.Consumer{Worker: fmt.Sprint("w", i), Incarnation: "1"})
		go func() { got <- <-out }()
	}
	asleep()
	e.acceptPlain("a")
	e.woken(got, "a")
	cancel()
	for range 7 {
		if r := <-got; len(r.ds) != 0 {
			e.Fatalf("a second worker got %s", brief(deliveredIDs(r.ds)))
		}
	}
}

func receiveLease(e *env) {
	e.accept(e.task("a", inQueue("mail")))
	d := e.receive(1, "mail")[0]
	if d.Lease.TaskID != "a" || d.Lease.Queue != "mail" || d.Lease.Fence == 0 || !d.Lease.Until.Equal(e.after(lease)) {
		e.Fatalf("lease %+v; want of a in mail, with a fence, until %v", d.Lease, e.after(lease))
	}
	if d.Err != nil || d.Raw != nil || d.Booked || d.Expired || d.Revoked != nil || d.Losses != 0 {
		e.Fatalf("delivery %+v; want a plain one", d)
	}
}

func receiveFence(e *env) {
	e.acceptPlain("a")
	seen := map[uint64]bool{}
	for i := range 4 {
		d := e.takeOne("a")
		if seen[d.Lease.Fence] {
			e.Fatalf("fence %d was given out twice", d.Lease.Fence)
		}
		seen[d.Lease.Fence] = true
		if d.Deliveries != i+1 || d.Losses != 0 {
			e.Fatalf("hand-out %d says %d deliveries and %d losses", i+1, d.Deliveries, d.Losses)
		}
		e.end(runtime.Released, d)
	}
}

func receiveRecord(e *env) {
	e.acceptPlain("a")
	e.clock.Advance(time.Second)
	e.takeOne("a")
	r := e.is("a", runtime.StateRunning, runtime.PlaceLeased)
	if r.Worker != "w1" || !r.StartedAt.Equal(e.clock.Now()) || r.Deliveries != 1 || r.Attempt != 0 {
		e.Fatalf("record %+v; want held by w1 since now, first delivery, attempt 0", r)
	}
}

func receiveVisibility(e *env) {
	e.accept(e.task("short", visibility(5*time.Second)), e.task("long", visibility(time.Hour)))
	ds := e.take("short", "long")
	if !ds[0].Lease.Until.Equal(e.after(5 * time.Second)) {
		e.Errorf("short: until %v; want its own 5s", ds[0].Lease.Until)
	}
	if !ds[1].Lease.Until.Equal(e.after(lease)) {
		e.Errorf("long: until %v; want the worker's 30s", ds[1].Lease.Until)
	}
	if r := e.pass(6 * time.Second); r.Reclaimed != 1 {
		e.Fatalf("after 6s %d were reclaimed; want short alone", r.Reclaimed)
	}
	e.is("short", runtime.StateQueued, runtime.PlaceReady)
	e.is("long", runtime.StateRunning, runtime.PlaceLeased)
}

func receiveCorrupt(e *env) {
	e.acceptPlain("good1", "bad", "good2")
	e.corrupt("bad")
	ds := e.take("good1", "bad", "good2")
	for _, d := range ds {
		if d.Lease.TaskID != "bad" {
			e.sameEnvelope(d.Envelope, e.task(d.Lease.TaskID).Envelope)
			continue
		}
		e.fails(d.Err, runtime.ErrCorrupt, "decode")
		if d.Envelope != nil || len(d.Raw) == 0 {
			e.Fatalf("undecodable delivery has envelope %v and %d raw bytes", d.Envelope, len(d.Raw))
		}
	}
	e.settled(as(ds[0], runtime.Succeeded), died(ds[1], runtime.ReasonDecode, "no envelope"), as(ds[2], runtime.Succeeded))
	l := e.isDead("bad", runtime.ReasonDecode)
	if l.Envelope != nil || len(l.Raw) == 0 || runtime.CodeOf(l.Err) != runtime.CodeCorrupt {
		e.Fatalf("dead letter has envelope %v, %d raw bytes, error %v", l.Envelope, len(l.Raw), l.Err)
	}
	_, err := e.Queues.Envelope(e.ctx, "bad")
	e.fails(err, runtime.ErrCorrupt, "read its envelope")
}

// corrupt damages a stored envelope, or skips the case.
func (e *env) corrupt(id string) {
	e.Helper()
	c, ok := e.store.(Corrupter)
	if !ok {
		e.Skip("the harness's Store is no Corrupter: it cannot damage what it holds")
	}
	c.Corrupt(e.T, id)
}

func receiveInvalid(e *env) {
	e.acceptPlain("a")
	bad := map[string]runtime.Receive{
		"max 0":     receiveFrom(w1, 0),
		"max -1":    receiveFrom(w1, -1),
		"max 1001":  receiveFrom(w1, 1001),
		"no queues": {Consumer: w1, Max: 1, Lease: lease},
		"no lease":  {Consumer: w1, Max: 1, Queues: []runtime.QueueShare{{Queue: queue}}},
		"no worker": receiveFrom(runtime.Consumer{}, 1),
	}
	for why, r := range bad {
		if ds, err := e.Broker.Receive(e.ctx, r); !errors.Is(err, runtime.ErrInvalid) {
			e.Errorf("%s: %d deliveries, error %v; want invalid", why, len(ds), err)
		}
	}
	e.takeOne("a")
}

// The worker must not run what has expired, even when nobody has done the
// housekeeping.
func receiveExpired(e *env) {
	e.accept(e.task("a", expires(e.after(time.Minute))), e.task("b"))
	e.clock.Advance(2 * time.Minute)
	for _, d := range e.receive(10) {
		if d.Lease.TaskID != "a" {
			continue
		}
		if !d.Expired {
			e.Fatal("an expired task was delivered as if it had time")
		}
		s := as(d, runtime.Cancelled)
		s.Reason = runtime.ReasonExpired
		e.settled(s)
	}
	e.recover()
	e.wasCancelled("a", runtime.ReasonExpired)
}

func receiveHandedOut(e *env) {
	e.accept(e.task("a", expires(e.after(time.Minute))))
	d := e.takeOne("a")
	if d.Expired {
		e.Fatal("expired before its time")
	}
	e.settled(retryOf(d, e.after(time.Hour)))
	if r := e.pass(time.Hour); r.Expired != 0 {
		e.Fatal("a task that had been handed out in time was ended as expired")
	}
	if d := e.takeOne("a"); d.Envelope.Attempt != 1 {
		e.Fatalf("attempt %d; want the second", d.Envelope.Attempt)
	}
}

func receiveAttempt(e *env) {
	e.acceptPlain("a")
	for range 3 {
		if d := e.takeOne("a"); d.Envelope.Attempt != 0 {
			e.Fatalf("attempt %d; want 0: being handed out is no try", d.Envelope.Attempt)
		}
		e.pass(lease + time.Second)
	}
	if r := e.record("a"); r.Attempt != 0 || r.Deliveries != 3 {
		e.Fatalf("record: attempt %d, %d deliveries; want 0, 3", r.Attempt, r.Deliveries)
	}
}
