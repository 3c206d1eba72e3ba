package drivertest

import (
	"fmt"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var groupCases = []testCase{
	{"01_DoneWhenAllSucceeded", groupDone},
	{"02_FailedWhenOneDidNot", groupFailed},
	{"03_EveryEndCounts", groupEveryEnd},
	{"04_LostAndPoisonedCounts", groupPoisoned},
	{"05_RetriesDoNotCount", groupRetries},
	{"06_MemberCountsOnce", groupCountsOnce},
	{"07_ReplayDoesNotCountAgain", groupReplay},
	{"08_LastMembersAtTheSameTime", groupConcurrent},
	{"09_LastMembersInOneBatch", groupBatch},
	{"10_DeadlineClosesIt", groupDeadline},
	{"11_LateMemberOfAClosedGroup", groupLate},
	{"12_KnownGroupIsLeftAsItIs", groupReopen},
	{"13_MembersInTheirOrder", groupMembers},
	{"14_WithoutCallbacks", groupSilent},
	{"15_KeptForAWhile", groupKeep},
	{"16_UnknownGroup", groupUnknown},
	{"17_CallbackIsIdempotent", groupCallbackKnown},
	{"18_CallbackOfACallback", groupNested},
	{"19_OpenedByASettlement", groupByEffects},
	{"20_MembersMayComeLater", groupLateMembers},
	{"21_DeadlineIsNotMissedByNextDue", groupNextDue},
	{"22_CallbackComesWithTheLastStep", groupAtomic},
	{"23_ThousandMembers", groupThousand},
	{"24_CallbackThatCouldBeRefused", groupUniqueCallback},
	{"25_CallbackOfAGroupThatHasGone", groupOrphanCallback},
}

// openGroup publishes a group of plain members with callbacks done and failed.
func (e *env) openGroup(id string, members ...string) {
	e.Helper()
	g := e.newGroup(id, members...)
	var ps []runtime.Publication
	for _, m := range members {
		ps = append(ps, e.task(m, member(id)))
	}
	e.openGroupOf(g, ps...)
}

func (e *env) openGroupOf(g runtime.Group, ps ...runtime.Publication) {
	e.Helper()
	for i, r := range e.publishAll(&runtime.Effects{Groups: []runtime.Group{g}, Publish: ps}) {
		e.wantPublished(r, runtime.Accepted, ps[i].Envelope.ID)
	}
}

func (e *env) newGroup(id string, members ...string) runtime.Group {
	done, failed := e.task(id+".done", inQueue("callbacks")), e.task(id+".failed", inQueue("callbacks"))
	return runtime.Group{ID: id, Members: members, Done: &done, Failed: &failed}
}

// called asks which callbacks have been published since the last time.
func (e *env) called(want ...string) {
	e.Helper()
	ds := e.receive(100, "callbacks")
	e.wantIDs(deliveredIDs(ds), want...)
	e.end(runtime.Succeeded, ds...)
}

// counts asks for a group's numbers.
func (e *env) counts(id string, succeeded, failed, cancelled int, closed bool) runtime.GroupView {
	e.Helper()
	g := e.group(id)
	if g.Succeeded != succeeded || g.Failed != failed || g.Cancelled != cancelled || g.Closed != closed {
		e.Fatalf("group %s: %d succeeded, %d failed, %d cancelled, closed %v; want %d, %d, %d, %v",
			id, g.Succeeded, g.Failed, g.Cancelled, g.Closed, succeeded, failed, cancelled, closed)
	}
	return g
}

func groupDone(e *env) {
	e.openGroup("g", "a", "b")
	ds := e.take("a", "b")
	e.counts("g", 0, 0, 0, false)
	e.end(runtime.Succeeded, ds[1])
	e.counts("g", 1, 0, 0, false)
	e.called()
	e.clock.Advance(time.Second)
	e.end(runtime.Succeeded, ds[0])
	if g := e.counts("g", 2, 0, 0, true); !g.ClosedAt.Equal(e.clock.Now()) || g.Size != 2 || g.ID != "g" {
		e.Fatalf("group %+v; want g of 2, closed now", g)
	}
	e.called("g.done")
	e.recover()
	e.called()
}

func groupFailed(e *env) {
	e.openGroup("g", "a", "b", "c")
	ds := e.take("a", "b", "c")
	e.bury(ds[0])
	e.end(runtime.Succeeded, ds[1])
	e.called()
	e.end(runtime.Succeeded, ds[2])
	e.counts("g", 2, 1, 0, true)
	e.called("g.failed")
}

func groupEveryEnd(e *env) {
	members := []string{"succeeded", "dead", "settled", "cancelled", "expired", "replaced", "last"}
	ps := []runtime.Publication{
		e.task("succeeded", member("g")), e.task("dead", member("g")), e.task("settled", member("g")),
		e.task("cancelled", member("g")),
		e.task("expired", member("g"), due(e.after(time.Hour)), expires(e.after(time.Minute))),
		e.task("replaced", member("g"), unique("k")),
		e.task("last", member("g"), due(e.after(10*time.Minute))),
	}
	e.openGroupOf(e.newGroup("g", members...), ps...)
	ds := e.receive(3)
	e.settled(as(ds[0], runtime.Succeeded), died(ds[1], runtime.ReasonPermanent, ""), as(ds[2], runtime.Cancelled))
	e.counts("g", 1, 1, 1, false)
	e.cancels("cancelled", runtime.StateQueued, true)
	e.counts("g", 1, 1, 2, false)
	e.accept(e.task("newer", replacing("k")))
	e.counts("g", 1, 1, 3, false)
	e.pass(time.Minute)
	e.counts("g", 1, 1, 4, false)
	e.called()
	e.take("newer")
	e.pass(10 * time.Minute)
	for _, d := range e.receive(10) {
		if d.Lease.TaskID == "last" {
			e.end(runtime.Succeeded, d)
		}
	}
	e.counts("g", 2, 1, 4, true)
	e.called("g.failed")
}

func groupPoisoned(e *env) {
	e.openGroup("g", "poisoned", "acknowledged")
	ds := e.take("poisoned", "acknowledged")
	e.end(runtime.Acknowledged, ds[1])
	e.clock.Advance(lease + time.Second)
	e.recoverWith(runtime.Recover{MaxLosses: 1})
	e.isDead("poisoned", runtime.ReasonPoison)
	e.isDead("acknowledged", runtime.ReasonWorkerLost)
	e.counts("g", 0, 2, 0, true)
	e.called("g.failed")
}

func groupRetries(e *env) {
	e.openGroup("g", "a")
	e.settled(retryOf(e.takeOne("a"), time.Time{}))
	e.end(runtime.Released, e.takeOne("a"))
	e.settled(parkedAs(e.takeOne("a")))
	e.recoverWith(runtime.Recover{Known: []string{"demo.add"}, Queues: []string{queue}})
	e.takeOne("a")
	e.pass(lease + time.Second)
	e.counts("g", 0, 0, 0, false)
	e.called()
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.counts("g", 1, 0, 0, true)
	e.called("g.done")
}

func groupCountsOnce(e *env) {
	e.openGroup("g", "a", "b")
	ds := e.take("a", "b")
	for range 3 {
		e.settle(as(ds[0], runtime.Succeeded))
		e.settle(died(ds[0], runtime.ReasonPermanent, ""))
	}
	e.counts("g", 1, 0, 0, false)
	e.called()
	e.end(runtime.Succeeded, ds[1])
	e.called("g.done")
}

func groupReplay(e *env) {
	e.openGroup("g", "a", "b")
	ds := e.take("a", "b")
	e.bury(ds[0])
	e.replays("a")
	e.counts("g", 0, 1, 0, false)
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.counts("g", 0, 1, 0, false)
	e.called()
	e.end(runtime.Succeeded, ds[1])
	e.counts("g", 1, 1, 0, true)
	e.called("g.failed")
}

// The last members end at the same time in several processes: each is the last
// in its own eyes, and the callback is published once.
func groupConcurrent(e *env) {
	const n = 16
	for round := range 4 {
		id := fmt.Sprint("g", round)
		e.openGroup(id, numbered(id+"-", n)...)
		ds := e.takeSome(n)
		var wg sync.WaitGroup
		for i := range 4 {
			b := e.Backend
			if i%2 == 1 {
				b = e.open()
			}
			wg.Go(func() {
				for _, d := range ds[i*n/4 : (i+1)*n/4] {
					rs, err := b.Broker.Settle(e.ctx, w1, []runtime.Settlement{as(d, runtime.Succeeded)})
					if err != nil || rs[0].Status != runtime.Settled {
						e.Errorf("settle %s: %+v, %v", d.Lease.TaskID, rs, err)
					}
				}
			})
		}
		wg.Wait()
		e.counts(id, n, 0, 0, true)
		e.called(id + ".done")
	}
	if s := e.stat("callbacks"); s.Enqueued != 4 {
		e.Fatalf("%d callbacks were published; want 4", s.Enqueued)
	}
}

func groupBatch(e *env) {
	e.openGroup("g", "a", "b", "c")
	e.openGroup("h", "d")
	ds := e.take("a", "b", "c", "d")
	e.settled(as(ds[2], runtime.Succeeded), as(ds[3], runtime.Succeeded), as(ds[0], runtime.Succeeded), as(ds[1], runtime.Succeeded))
	e.counts("g", 3, 0, 0, true)
	e.counts("h", 1, 0, 0, true)
	if ids := sorted(deliveredIDs(e.receive(10, "callbacks"))); len(ids) != 2 || ids[0] != "g.done" || ids[1] != "h.done" {
		e.Fatalf("callbacks %s; want both, once", brief(ids))
	}
}

func groupDeadline(e *env) {
	g := e.newGroup("g", "a", "b")
	g.Deadline = e.after(time.Minute)
	e.openGroupOf(g, e.task("a", member("g")), e.task("b", member("g")))
	ds := e.take("a", "b")
	e.end(runtime.Succeeded, ds[0])
	e.pass(29 * time.Second)
	e.renewed(ds[1])
	e.pass(29 * time.Second)
	e.renewed(ds[1])
	e.counts("g", 1, 0, 0, false)
	e.pass(2 * time.Second)
	if v := e.counts("g", 1, 0, 0, true); !v.Deadline.Equal(g.Deadline) {
		e.Fatalf("deadline %v; want %v", v.Deadline, g.Deadline)
	}
	e.called("g.failed")
	e.end(runtime.Succeeded, ds[1])
	e.recover()
	e.called()
}

func groupLate(e *env) {
	g := e.newGroup("g", "a", "b")
	g.Deadline = e.after(time.Minute)
	e.openGroupOf(g, e.task("a", member("g"), due(e.after(time.Hour))), e.task("b", member("g"), due(e.after(time.Hour))))
	e.pass(time.Minute)
	e.called("g.failed")
	e.pass(time.Hour)
	e.end(runtime.Succeeded, e.take("a", "b")...)
	if v := e.group("g"); !v.Closed {
		e.Fatal("a closed group was opened by its late members")
	}
	e.called()
}

func groupReopen(e *env) {
	e.openGroup("g", "a")
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.called("g.done")
	other := e.newGroup("g", "x", "y", "z")
	e.publishAll(&runtime.Effects{Groups: []runtime.Group{other}})
	if g := e.counts("g", 1, 0, 0, true); g.Size != 1 || g.Members[0].ID != "a" {
		e.Fatalf("group %+v; want it as it was", g)
	}
	e.called()
}

func groupMembers(e *env) {
	e.openGroup("g", "d", "b", "c", "a")
	ds := e.take("d", "b", "c", "a")
	s := as(ds[2], runtime.Succeeded)
	s.Result = []byte("of c")
	e.settled(s)
	g, err := e.Results.Group(e.ctx, "g", 1, 2)
	e.ok(err, "read the group")
	e.wantIDs(recordIDs(g.Members), "b", "c")
	if string(g.Members[1].Body) != "of c" || g.Members[1].State != runtime.StateSucceeded || g.Members[0].State != runtime.StateRunning {
		e.Fatalf("members %+v", g.Members)
	}
	e.wantIDs(recordIDs(e.group("g").Members), "d", "b", "c", "a")
	if g, err := e.Results.Group(e.ctx, "g", 4, 10); err != nil || len(g.Members) != 0 || g.Size != 4 {
		e.Fatalf("behind the last member: %+v, %v; want none of 4", g, err)
	}
}

func groupSilent(e *env) {
	e.openGroupOf(runtime.Group{ID: "g", Members: []string{"a"}}, e.task("a", member("g")))
	e.openGroupOf(runtime.Group{ID: "h", Members: []string{"b"}}, e.task("b", member("h")))
	ds := e.take("a", "b")
	e.end(runtime.Succeeded, ds[0])
	e.bury(ds[1])
	e.counts("g", 1, 0, 0, true)
	e.counts("h", 0, 1, 0, true)
	e.takeNone()
}

func groupKeep(e *env) {
	g := e.newGroup("g", "a")
	g.Keep = time.Hour
	e.openGroupOf(g, e.task("a", member("g")))
	e.pass(48 * time.Hour)
	e.counts("g", 0, 0, 0, false)
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.pass(59 * time.Minute)
	e.counts("g", 1, 0, 0, true)
	e.pass(2 * time.Minute)
	_, err := e.Results.Group(e.ctx, "g", 0, 1)
	e.fails(err, runtime.ErrNotFound, "read a group after its time")
}

func groupUnknown(e *env) {
	_, err := e.Results.Group(e.ctx, "nowhere", 0, 10)
	e.fails(err, runtime.ErrNotFound, "read an unknown group")
}

func groupCallbackKnown(e *env) {
	e.accept(e.task("g.done", inQueue("callbacks")))
	e.called("g.done")
	e.openGroup("g", "a")
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.counts("g", 1, 0, 0, true)
	e.called()
}

func groupNested(e *env) {
	outer := e.newGroup("outer", "inner.done")
	inner := e.newGroup("inner", "a")
	inner.Done.Group = "outer"
	e.publishAll(&runtime.Effects{Groups: []runtime.Group{outer, inner}, Publish: []runtime.Publication{e.task("a", member("inner"))}})
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.counts("outer", 0, 0, 0, false)
	e.called("inner.done")
	e.counts("outer", 1, 0, 0, true)
	e.called("outer.done")
}

func groupByEffects(e *env) {
	e.acceptPlain("parent")
	s := leaving(as(e.takeOne("parent"), runtime.Succeeded), e.task("a", member("g")), e.task("b", member("g")))
	s.Effects.Groups = []runtime.Group{e.newGroup("g", "a", "b")}
	e.settled(s)
	e.end(runtime.Succeeded, e.take("a", "b")...)
	e.counts("g", 2, 0, 0, true)
	e.called("g.done")
}

func groupLateMembers(e *env) {
	e.openGroupOf(e.newGroup("g", "a", "b"), e.task("a", member("g")))
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.counts("g", 1, 0, 0, false)
	if m := e.group("g").Members; len(m) != 2 || m[1].State != "" {
		e.Fatalf("members %+v; want b with an empty state", m)
	}
	e.accept(e.task("b", member("g")))
	e.end(runtime.Succeeded, e.takeOne("b"))
	e.called("g.done")
}

func groupNextDue(e *env) {
	g := e.newGroup("g", "a")
	g.Deadline = e.after(time.Minute)
	e.openGroupOf(g)
	e.wantNextDue(g.Deadline)
}

// When the last settlement is known to be done, so is the callback: nobody has
// to come by and find that a group is complete.
func groupAtomic(e *env) {
	e.openGroup("g", "a")
	d := e.takeOne("a")
	other := e.from(e.open())
	e.end(runtime.Succeeded, d)
	other.is("g.done", runtime.StateQueued, runtime.PlaceReady)
	e.called("g.done")
}

func groupThousand(e *env) {
	ids := numbered("m", 1000)
	e.openGroup("g", ids...)
	var ss []runtime.Settlement
	for _, d := range e.take(ids...) {
		ss = append(ss, as(d, runtime.Succeeded))
	}
	e.settled(ss...)
	if g := e.counts("g", 1000, 0, 0, true); len(g.Members) != 1000 || g.Members[999].ID != ids[999] {
		e.Fatalf("%d members; want 1000 in order", len(g.Members))
	}
	e.called("g.done")
}

// A callback that the store would refuse at the end, where nobody hears of it,
// is refused at the opening.
func groupUniqueCallback(e *env) {
	e.accept(e.task("owner", unique("k"), inQueue("other")))
	g := e.newGroup("g", "a")
	g.Done.Unique = &runtime.Unique{Key: "k"}
	effects := &runtime.Effects{Groups: []runtime.Group{g}, Publish: []runtime.Publication{e.task("a", member("g"))}}
	_, err := e.Broker.Publish(e.ctx, effects)
	e.fails(err, runtime.ErrInvalid, "open a group whose callback has a unique key")
	e.unknown("a")

	e.acceptPlain("parent")
	s := as(e.takeOne("parent"), runtime.Succeeded)
	s.Effects = effects
	if r := e.settle(s)[0]; r.Status != runtime.Refused || runtime.CodeOf(r.Err) != runtime.CodeInvalid {
		e.Fatalf("settled with such a group: %+v; want it refused", r)
	}
}

func groupOrphanCallback(e *env) {
	outer, inner := e.newGroup("outer", "inner.done"), e.newGroup("inner", "a")
	outer.Deadline, outer.Keep = e.after(time.Minute), -1
	inner.Done.Group, inner.Failed.Group = "outer", "never-opened"
	e.publishAll(&runtime.Effects{Groups: []runtime.Group{outer, inner}, Publish: []runtime.Publication{e.task("a", member("inner"))}})
	e.pass(time.Minute)
	e.called("outer.failed")
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.called("inner.done")
}
