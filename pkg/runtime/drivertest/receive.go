package drivertest

import (
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

func receiveNotTwice(e *env) {
	e.acceptPlain("a", "b")
	e.takeNext("a")
	e.takeAs(w2, "b")
	e.takeNone()
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
