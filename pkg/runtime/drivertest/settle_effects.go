package drivertest

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// What a settlement leaves behind: the cases of settle.go about effects.

// leaving gives a settlement follow-ups.
func leaving(s runtime.Settlement, ps ...runtime.Publication) runtime.Settlement {
	s.Effects = &runtime.Effects{Publish: ps}
	return s
}

func settleEffects(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	s := leaving(as(d, runtime.Succeeded), e.task("next"), e.task("later", due(e.after(time.Minute))), e.task("m", member("g")))
	s.Effects.Groups = []runtime.Group{{ID: "g", Members: []string{"m"}}}
	rs := e.settle(s)
	e.wantSettled(rs[0], runtime.Settled, "a")
	if len(rs[0].Effects) != 3 {
		e.Fatalf("%d results for 3 follow-ups", len(rs[0].Effects))
	}
	for i, id := range []string{"next", "later", "m"} {
		e.wantPublished(rs[0].Effects[i], runtime.Accepted, id)
	}
	e.take("next", "m")
	e.is("later", runtime.StateQueued, runtime.PlaceDelayed)
	if g := e.group("g"); g.Size != 1 {
		e.Fatalf("group %+v; want one of size 1", g)
	}
}

func settleEffectsLost(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.pass(lease + time.Second)
	s := leaving(as(d, runtime.Succeeded), e.task("next"))
	s.Effects.Groups = []runtime.Group{{ID: "g", Members: []string{"m"}}}
	e.wantSettled(e.settle(s)[0], runtime.LeaseLost, "a")
	e.unknown("next")
	_, err := e.Results.Group(e.ctx, "g", 0, 1)
	e.fails(err, runtime.ErrNotFound, "read a group that was not opened")
	e.take("a")
}

func settleEffectsTwice(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	one := e.settle(leaving(as(ds[0], runtime.Succeeded), e.task("next")))[0]
	two := e.settle(leaving(as(ds[1], runtime.Succeeded), e.task("next"), e.task("more")))[0]
	e.wantPublished(one.Effects[0], runtime.Accepted, "next")
	e.wantPublished(two.Effects[0], runtime.Exists, "next")
	e.wantPublished(two.Effects[1], runtime.Accepted, "more")
	e.take("next", "more")
}

func settleEffectsInvalid(e *env) {
	e.acceptPlain("a")
	r := e.settle(leaving(as(e.takeOne("a"), runtime.Succeeded), e.task("bad", priority(10)), e.task("good")))[0]
	e.wantSettled(r, runtime.Settled, "a")
	e.wantInvalid(r.Effects[0])
	e.wantPublished(r.Effects[1], runtime.Accepted, "good")
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
	e.take("good")
}

func settleEffectsAlways(e *env) {
	for _, o := range outcomes {
		id := o.String()
		e.accept(e.task(id, inQueue(id)))
		s := leaving(settlementOf(e.receive(1, id)[0], o), e.task(id+"-next", inQueue("next")))
		r := e.settle(s)[0]
		e.wantSettled(r, runtime.Settled, id)
		e.wantPublished(r.Effects[0], runtime.Accepted, id+"-next")
	}
	if n := len(e.receive(100, "next")); n != len(outcomes) {
		e.Fatalf("%d follow-ups; want %d", n, len(outcomes))
	}
}
