package drivertest

import (
	"fmt"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var uniqueCases = []testCase{
	{"01_SecondIsADuplicateOfTheOwner", uniqueReject},
	{"02_DuplicateWithinOneBatch", uniqueBatch},
	{"03_SameIDExistsBeforeItIsADuplicate", uniqueExists},
	{"04_FreedByEveryEnd", uniqueFreed},
	{"05_FreedByCancel", uniqueFreedByCancel},
	{"06_FreedByExpiry", uniqueFreedByExpiry},
	{"07_FreedByPoison", uniqueFreedByPoison},
	{"08_KeptWhileTheOwnerLives", uniqueKept},
	{"09_KeptPastAnyTime", uniqueKeptForLong},
	{"10_ReplaceTakesTheKeyOfAWaitingOwner", uniqueReplace},
	{"11_ReplaceMovesTheDueTime", uniqueDebounce},
	{"12_ReplaceLeavesARunningOwner", uniqueReplaceRunning},
	{"13_HoldKeepsTheKeyAfterTheEnd", uniqueHold},
	{"14_KeysAreIndependent", uniqueKeys},
	{"15_AcrossQueues", uniqueQueues},
	{"16_RejectedClaimsNothing", uniqueRejectedClaimsNothing},
	{"17_OneOwnerUnderConcurrency", uniqueConcurrent},
	{"18_FollowUpsClaimToo", uniqueFollowUp},
	{"19_FreedKeyIsFreeForTheSameStep", uniqueSameStep},
	{"20_ReplaceFindsEveryWaitingPlace", uniqueReplaceAnywhere},
	{"21_ReplacedWithinOneBatch", uniqueReplaceBatch},
	{"22_ForgottenOwnerFreesTheKey", uniqueForgotten},
}

// duplicate asks that a publication is refused for an owner.
func (e *env) duplicate(p runtime.Publication, owner string) {
	e.Helper()
	e.wantPublished(e.publish(p)[0], runtime.Duplicate, owner)
	if p.Envelope.ID != owner {
		e.unknown(p.Envelope.ID)
	}
}

func uniqueReject(e *env) {
	e.accept(e.task("a", unique("k")))
	e.duplicate(e.task("b", unique("k")), "a")
	if r := e.record("a"); r.UniqueKey != "k" {
		e.Fatalf("record has the key %q; want k", r.UniqueKey)
	}
	e.take("a")
}

func uniqueBatch(e *env) {
	rs := e.publish(e.task("a", unique("k")), e.task("b", unique("k")), e.task("c", unique("l")))
	e.wantPublished(rs[0], runtime.Accepted, "a")
	e.wantPublished(rs[1], runtime.Duplicate, "a")
	e.wantPublished(rs[2], runtime.Accepted, "c")
	e.take("a", "c")
}

// A producer that repeats its publish after a lost reply is told that it was
// done, not that it stands in its own way.
func uniqueExists(e *env) {
	e.accept(e.task("a", unique("k")))
	e.wantPublished(e.publish(e.task("a", unique("k")))[0], runtime.Exists, "a")
	e.accept(e.task("b"))
	e.wantPublished(e.publish(e.task("b", unique("k")))[0], runtime.Exists, "b")
}

func uniqueFreed(e *env) {
	for _, o := range outcomes {
		if !o.Terminal() {
			continue
		}
		key := o.String()
		e.accept(e.task(key+"-1", unique(key), inQueue(key)))
		d := e.receive(1, key)[0]
		e.duplicate(e.task(key+"-2", unique(key), inQueue(key)), key+"-1")
		e.settled(settlementOf(d, o))
		e.accept(e.task(key+"-2", unique(key), inQueue(key)))
	}
}

func uniqueFreedByCancel(e *env) {
	e.accept(e.task("a", unique("k")))
	e.cancels("a", runtime.StateQueued, true)
	e.accept(e.task("b", unique("k")))
}

func uniqueFreedByExpiry(e *env) {
	e.accept(e.task("a", unique("k"), expires(e.after(time.Minute))))
	e.pass(time.Minute)
	e.accept(e.task("b", unique("k")))
}

func uniqueFreedByPoison(e *env) {
	e.accept(e.task("a", unique("k")))
	e.takeOne("a")
	e.clock.Advance(lease + time.Second)
	e.recoverWith(runtime.Recover{MaxLosses: 1})
	e.isDead("a", runtime.ReasonPoison)
	e.accept(e.task("b", unique("k")))
}

func uniqueKept(e *env) {
	e.accept(e.task("a", unique("k")))
	taken := func() {
		e.Helper()
		e.duplicate(e.task("b", unique("k")), "a")
	}
	d := e.takeOne("a")
	taken()
	e.end(runtime.Acknowledged, d)
	taken()
	e.settled(retryOf(d, e.after(time.Minute)))
	taken()
	e.pass(time.Minute)
	taken()
	e.end(runtime.Released, e.takeOne("a"))
	taken()
	e.takeOne("a")
	e.pass(lease + time.Second)
	taken()
	e.settled(parkedAs(e.takeOne("a")))
	taken()
}

func uniqueKeptForLong(e *env) {
	e.accept(e.task("a", unique("k")), e.task("later", unique("l"), due(e.after(400*24*time.Hour))))
	e.pass(365 * 24 * time.Hour)
	e.duplicate(e.task("b", unique("k")), "a")
	e.duplicate(e.task("c", unique("l")), "later")
}

func uniqueReplace(e *env) {
	e.accept(e.task("a", unique("k")))
	e.accept(e.task("b", replacing("k")))
	e.wasCancelled("a", runtime.ReasonReplaced)
	e.duplicate(e.task("c", unique("k")), "b")
	e.accept(e.task("d", replacing("k")))
	e.take("d")
}

func uniqueDebounce(e *env) {
	for i, id := range []string{"a", "b", "c"} {
		p := e.task(id, replacing("k"), due(e.after(10*time.Second)))
		p.Envelope.Args = fmt.Appendf(nil, `{"n":%d}`, i)
		e.accept(p)
		e.pass(9 * time.Second)
		e.takeNone()
	}
	e.pass(time.Second)
	if d := e.takeOne("c"); string(d.Envelope.Args) != `{"n":2}` {
		e.Fatalf("args %s; want the newest", d.Envelope.Args)
	}
}

func uniqueReplaceRunning(e *env) {
	e.accept(e.task("a", unique("k")))
	d := e.takeOne("a")
	e.duplicate(e.task("b", replacing("k")), "a")
	e.end(runtime.Succeeded, d)
	e.accept(e.task("b", replacing("k")))
}

func uniqueReplaceAnywhere(e *env) {
	e.accept(e.task("holder"), e.task("waiting", unique("w")), e.task("parked", unique("p")), e.task("retried", unique("r")))
	ds := e.take("holder", "waiting", "parked", "retried")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1])
	e.settled(parkedAs(ds[2]), retryOf(ds[3], e.after(time.Hour)))
	e.accept(e.task("w2", replacing("w")), e.task("p2", replacing("p")), e.task("r2", replacing("r")))
	for _, id := range []string{"waiting", "parked", "retried"} {
		e.wasCancelled(id, runtime.ReasonReplaced)
	}
	e.take("w2", "p2", "r2")
}

func uniqueReplaceBatch(e *env) {
	e.accept(e.task("a", replacing("k")), e.task("b", replacing("k")), e.task("c", replacing("k")))
	e.wasCancelled("a", runtime.ReasonReplaced)
	e.wasCancelled("b", runtime.ReasonReplaced)
	e.take("c")
}

func uniqueHold(e *env) {
	e.accept(e.task("a", holding("k", time.Hour)))
	d := e.takeOne("a")
	e.clock.Advance(10 * time.Second)
	e.end(runtime.Succeeded, d)
	e.duplicate(e.task("b", unique("k")), "a")
	e.pass(59 * time.Minute)
	e.duplicate(e.task("b", unique("k")), "a")
	e.pass(time.Minute)
	e.accept(e.task("b", unique("k")))
}

func uniqueKeys(e *env) {
	e.accept(e.task("a", unique("k")), e.task("b", unique("K")), e.task("c", unique("k ")), e.task("d"), e.task("e"))
}

func uniqueQueues(e *env) {
	e.accept(e.task("a", unique("k")))
	e.duplicate(e.task("b", unique("k"), inQueue("other"), named("demo.mul")), "a")
}

func uniqueRejectedClaimsNothing(e *env) {
	e.acceptPlain("x")
	if r := e.publish(e.task("full", unique("k"), depth(1)))[0]; r.Status != runtime.Full {
		e.Fatalf("publish: %s; want full", r.Status)
	}
	e.wantInvalid(e.publish(e.task("bad", unique("k"), priority(99)))[0])
	e.wantPublished(e.publish(e.task("x", unique("k")))[0], runtime.Exists, "x")
	e.accept(e.task("a", unique("k")))
	if r := e.publish(e.task("full", replacing("k"), depth(1)))[0]; r.Status != runtime.Full {
		e.Fatalf("publish: %s; want full", r.Status)
	}
	e.take("x", "a")
}

func uniqueConcurrent(e *env) {
	const n = 8
	owners := make(chan string, n)
	accepted := make(chan string, n)
	var wg sync.WaitGroup
	for i := range n {
		b, p := e.open(), e.task(fmt.Sprint("t", i), unique("k"))
		wg.Go(func() {
			rs, err := b.Broker.Publish(e.ctx, &runtime.Effects{Publish: []runtime.Publication{p}})
			if err != nil {
				e.Errorf("publish: %v", err)
				return
			}
			owners <- rs[0].ID
			if rs[0].Status == runtime.Accepted {
				accepted <- rs[0].ID
			}
		})
	}
	wg.Wait()
	close(owners)
	if len(accepted) != 1 {
		e.Fatalf("%d publications got one key", len(accepted))
	}
	owner := <-accepted
	for o := range owners {
		if o != owner {
			e.Errorf("one was told that %s owns the key, another that %s does", o, owner)
		}
	}
	e.take(owner)
}

func uniqueFollowUp(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	one := e.settle(leaving(as(ds[0], runtime.Succeeded), e.task("c", unique("k"))))[0]
	two := e.settle(leaving(as(ds[1], runtime.Succeeded), e.task("d", unique("k"))))[0]
	e.wantPublished(one.Effects[0], runtime.Accepted, "c")
	e.wantPublished(two.Effects[0], runtime.Duplicate, "c")
	e.is("b", runtime.StateSucceeded, runtime.PlaceDone)
	e.take("c")
}

// A task that enqueues its own successor under its own key must not be its own
// duplicate.
func uniqueSameStep(e *env) {
	e.accept(e.task("a", unique("k")))
	r := e.settle(leaving(as(e.takeOne("a"), runtime.Succeeded), e.task("b", unique("k"))))[0]
	e.wantSettled(r, runtime.Settled, "a")
	e.wantPublished(r.Effects[0], runtime.Accepted, "b")
	e.duplicate(e.task("c", unique("k")), "b")
}

func uniqueForgotten(e *env) {
	e.accept(e.task("a", unique("k")))
	s := as(e.takeOne("a"), runtime.Succeeded)
	s.Keep = -1
	e.settled(s)
	e.accept(e.task("a", unique("k")))
}
