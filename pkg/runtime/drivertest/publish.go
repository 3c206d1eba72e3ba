package drivertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var publishCases = []testCase{
	{"01_AcceptedTaskIsDelivered", publishDelivers},
	{"02_EnvelopeComesBackUnchanged", publishKeepsEnvelope},
	{"03_OneResultEachInOrder", publishAnswersInOrder},
	{"04_RepeatWhileReadyIsHarmless", publishRepeatReady},
	{"05_RepeatWhileLeasedIsHarmless", publishRepeatLeased},
	{"06_RepeatAfterTheEndIsHarmless", publishRepeatEnded},
	{"07_SameIDTwiceInOneBatch", publishTwiceInBatch},
	{"08_IDIsFreeWhenItsRecordIsGone", publishAfterRecord},
	{"09_InvalidItemDoesNotSpoilItsBatch", publishInvalid},
	{"10_NothingToPublish", publishNothing},
	{"11_GoesToItsOwnQueueOnly", publishQueue},
	{"12_DelayedIsNotDeliveredBeforeItsTime", publishDelayed},
	{"13_DueInThePastIsReady", publishPastDue},
	{"14_FullAtItsDepth", publishDepth},
	{"15_DepthCountsUnfinishedTasks", publishDepthCounts},
	{"16_DepthWithinOneBatch", publishDepthBatch},
	{"17_RecordIsThereAtOnce", publishRecord},
	{"18_ThousandInOneStep", publishThousand},
	{"19_MemberOfNoGroupIsInvalid", publishForeignMember},
	{"20_VisibleToOtherProcesses", publishAcross},
	{"21_DeadLetterIsKnown", publishRepeatDead},
	{"22_BrokenGroupStoresNothing", publishBrokenGroup},
	{"23_LargestOfEverything", publishLarge},
}

func publishDelivers(e *env) {
	e.wantPublished(e.publish(e.task("a"))[0], runtime.Accepted, "a")
	e.takeOne("a")
	e.takeNone()
}

func publishKeepsEnvelope(e *env) {
	in := &runtime.Envelope{
		ID: "A-z_0.9:x", Name: "demo/add@v2", Queue: "mail", EnqueuedAt: e.clock.Now(), NotBefore: e.after(-time.Minute),
		Args:     json.RawMessage(`{"text":"naïve \u0000 \"quoted\" ✓","n":9007199254740993,"deep":[{"a":null}]}`),
		Headers:  map[string]string{"traceparent": "00-abc", "Umlaut": "ä\n\t\"", "empty": ""},
		Priority: 7, Attempt: 2, MaxRetries: 25, VisibilityTimeout: 1500 * time.Millisecond,
		Meta: map[string]json.RawMessage{"stem.x": []byte(`{"y":[1,2.50]}`), "user": []byte(`"z"`)},
	}
	e.accept(runtime.Publication{Envelope: in.Clone()})
	ds := e.receive(1, "mail")
	if len(ds) != 1 || ds[0].Err != nil {
		e.Fatalf("receive: %+v; want the task", ds)
	}
	e.sameEnvelope(ds[0].Envelope, in)
	stored, err := e.Queues.Envelope(e.ctx, in.ID)
	e.ok(err, "read the stored envelope")
	e.sameEnvelope(stored, in)
}

// sameEnvelope compares field by field, so that a failure names the field.
func (e *env) sameEnvelope(got, want *runtime.Envelope) {
	e.Helper()
	if got == nil {
		e.Fatal("no envelope")
	}
	differ := func(field string, g, w any) { e.Errorf("envelope %s: %s is %v; want %v", want.ID, field, g, w) }
	if got.ID != want.ID || got.Name != want.Name || got.Queue != want.Queue {
		differ("id, name, queue", []string{got.ID, got.Name, got.Queue}, []string{want.ID, want.Name, want.Queue})
	}
	if got.Priority != want.Priority || got.Attempt != want.Attempt || got.MaxRetries != want.MaxRetries {
		differ("priority, attempt, max retries", []int{got.Priority, got.Attempt, got.MaxRetries},
			[]int{want.Priority, want.Attempt, want.MaxRetries})
	}
	if !got.EnqueuedAt.Equal(want.EnqueuedAt) || !got.NotBefore.Equal(want.NotBefore) {
		differ("times", []time.Time{got.EnqueuedAt, got.NotBefore}, []time.Time{want.EnqueuedAt, want.NotBefore})
	}
	if got.VisibilityTimeout != want.VisibilityTimeout {
		differ("visibility timeout", got.VisibilityTimeout, want.VisibilityTimeout)
	}
	if !sameJSON(got.Args, want.Args) {
		differ("args", string(got.Args), string(want.Args))
	}
	if !maps.Equal(got.Headers, want.Headers) {
		differ("headers", got.Headers, want.Headers)
	}
	if !maps.EqualFunc(got.Meta, want.Meta, func(a, b json.RawMessage) bool { return sameJSON(a, b) }) {
		differ("meta", got.Meta, want.Meta)
	}
}

// sameJSON compares texts without their white space; numbers digit by digit.
func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	if json.Compact(&x, a) != nil || json.Compact(&y, b) != nil {
		return false
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

func publishAnswersInOrder(e *env) {
	e.acceptPlain("known")
	e.accept(e.task("owner", unique("k")))
	rs := e.publish(
		e.task("new"), e.task("known"), e.task("second", unique("k")),
		e.task("bad", priority(99)), e.task("late", depth(1)), e.task("last"),
	)
	e.wantPublished(rs[0], runtime.Accepted, "new")
	e.wantPublished(rs[1], runtime.Exists, "known")
	e.wantPublished(rs[2], runtime.Duplicate, "owner")
	e.wantInvalid(rs[3])
	if rs[4].Status != runtime.Full {
		e.Fatalf("publish over the depth: %s; want full", rs[4].Status)
	}
	e.wantPublished(rs[5], runtime.Accepted, "last")
	e.unknown("bad")
	e.unknown("late")
	e.unknown("second")
}

func (e *env) wantInvalid(r runtime.PublishResult) {
	e.Helper()
	if r.Status != runtime.Invalid || !errors.Is(r.Err, runtime.ErrInvalid) {
		e.Fatalf("publish: %s (%v); want invalid, with an error that says why", r.Status, r.Err)
	}
}

func publishRepeatReady(e *env) {
	e.acceptPlain("a")
	e.wantPublished(e.publish(e.task("a", priority(9), inQueue("other"), due(e.after(time.Hour))))[0], runtime.Exists, "a")
	d := e.takeOne("a")
	e.sameEnvelope(d.Envelope, e.task("a").Envelope)
	e.takeNone()
	if n := len(e.receiveAs(w2, 10, "other")); n != 0 {
		e.Fatalf("the repeat left %d tasks in its queue", n)
	}
}

func publishRepeatLeased(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.wantPublished(e.publish(e.task("a"))[0], runtime.Exists, "a")
	e.takeNone()
	e.end(runtime.Succeeded, d)
}

func publishRepeatEnded(e *env) {
	e.acceptPlain("a")
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.wantPublished(e.publish(e.task("a"))[0], runtime.Exists, "a")
	e.takeNone()
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
}

func publishRepeatDead(e *env) {
	e.acceptPlain("a")
	e.bury(e.takeOne("a"))
	e.wantPublished(e.publish(e.task("a"))[0], runtime.Exists, "a")
	e.takeNone()
	e.isDead("a", runtime.ReasonPermanent)
}

func publishTwiceInBatch(e *env) {
	rs := e.publish(e.task("a"), e.task("a", priority(9)), e.task("b"))
	e.wantPublished(rs[0], runtime.Accepted, "a")
	e.wantPublished(rs[1], runtime.Exists, "a")
	e.wantPublished(rs[2], runtime.Accepted, "b")
	e.take("a", "b")
}

func publishAfterRecord(e *env) {
	e.acceptPlain("a")
	s := as(e.takeOne("a"), runtime.Succeeded)
	s.Keep = time.Minute
	e.settled(s)
	e.pass(2 * time.Minute)
	e.unknown("a")
	e.acceptPlain("a")
	e.takeOne("a")
}

func publishInvalid(e *env) {
	long := strings.Repeat("x", runtime.MaxIDLength+1)
	bad := map[string]runtime.Publication{
		"no envelope":         {},
		"empty id":            e.task(""),
		"id too long":         e.task(long),
		"control character":   e.task("a\x00b"),
		"space in the name":   e.task("x1", named("demo add")),
		"empty queue":         e.task("x2", inQueue("")),
		"priority 10":         e.task("x3", priority(10)),
		"priority -1":         e.task("x4", priority(-1)),
		"negative depth":      e.task("x5", depth(-1)),
		"empty unique key":    e.task("x6", unique("")),
		"unique key too long": e.task("x7", unique(strings.Repeat("k", 513))),
		"negative hold":       e.task("x8", holding("k", -1)),
		"negative visibility": e.task("x9", visibility(-1)),
		"negative attempt":    e.task("x10", func(p *runtime.Publication) { p.Envelope.Attempt = -1 }),
		"group id":            e.task("x11", member("a group")),
	}
	for why, p := range bad {
		good := e.task("good-" + strings.Map(letters, why))
		rs := e.publish(p, good)
		if rs[0].Status != runtime.Invalid || !errors.Is(rs[0].Err, runtime.ErrInvalid) {
			e.Errorf("%s: %s (%v); want invalid", why, rs[0].Status, rs[0].Err)
		}
		e.wantPublished(rs[1], runtime.Accepted, good.Envelope.ID)
	}
	if n := len(e.listed(runtime.TaskQuery{})); n != len(bad) {
		e.Fatalf("%d tasks are stored; want the %d good ones", n, len(bad))
	}
}

func letters(r rune) rune {
	if r == ' ' {
		return '-'
	}
	return r
}

func publishNothing(e *env) {
	if rs := e.publishAll(&runtime.Effects{}); len(rs) != 0 {
		e.Fatalf("%d results for nothing", len(rs))
	}
	e.takeNone()
}

func publishQueue(e *env) {
	e.accept(e.task("a", inQueue("mail")))
	e.takeNone()
	e.wantIDs(deliveredIDs(e.receive(10, "mail")), "a")
}

func publishDelayed(e *env) {
	at := e.after(10 * time.Minute)
	e.accept(e.task("a", due(at)))
	if r := e.is("a", runtime.StateQueued, runtime.PlaceDelayed); !r.DueAt.Equal(at) {
		e.Fatalf("due at %v; want %v", r.DueAt, at)
	}
	if r := e.recover(); r.Promoted != 0 || !r.NextDue.Equal(at) {
		e.Fatalf("recover: %d promoted, next due %v; want none, %v", r.Promoted, r.NextDue, at)
	}
	e.pass(10*time.Minute - time.Millisecond)
	e.takeNone()
	if r := e.pass(time.Millisecond); r.Promoted != 1 {
		e.Fatalf("at its time, recover promoted %d; want 1", r.Promoted)
	}
	e.is("a", runtime.StateQueued, runtime.PlaceReady)
	e.takeOne("a")
}

func publishPastDue(e *env) {
	e.accept(e.task("a", due(e.after(-time.Hour))), e.task("b", due(e.clock.Now())))
	e.is("a", runtime.StateQueued, runtime.PlaceReady)
	e.is("b", runtime.StateQueued, runtime.PlaceReady)
	e.take("a", "b")
}

func publishDepth(e *env) {
	e.acceptPlain("a", "b")
	if r := e.publish(e.task("c", depth(2)))[0]; r.Status != runtime.Full {
		e.Fatalf("third of two: %s; want full", r.Status)
	}
	e.unknown("c")
	e.wantPublished(e.publish(e.task("a", depth(1)))[0], runtime.Exists, "a")
	e.accept(e.task("elsewhere", inQueue("other"), depth(2)))
	e.end(runtime.Succeeded, e.takeNext("a"))
	e.accept(e.task("c", depth(2)))
}

// Ready, delayed, waiting and leased count. Parked tasks and dead letters do
// not: nobody works them off, and they would keep the queue shut.
func publishDepthCounts(e *env) {
	e.accept(e.task("holder"), e.task("waits"), e.task("parked"), e.task("dies"))
	ds := e.take("holder", "waits", "parked", "dies")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1])
	e.settled(parkedAs(ds[2]))
	e.bury(ds[3])
	e.accept(e.task("ready"), e.task("delayed", due(e.after(time.Hour))))
	e.is("holder", runtime.StateRunning, runtime.PlaceLeased)
	e.is("parked", runtime.StateQueued, runtime.PlaceParked)
	if r := e.publish(e.task("fifth", depth(4)))[0]; r.Status != runtime.Full {
		e.Fatalf("fifth of four: %s; want full", r.Status)
	}
	e.accept(e.task("fifth", depth(5)))
}

func publishDepthBatch(e *env) {
	rs := e.publish(e.task("a", depth(2)), e.task("b", depth(2)), e.task("c", depth(2)))
	e.wantPublished(rs[0], runtime.Accepted, "a")
	e.wantPublished(rs[1], runtime.Accepted, "b")
	if rs[2].Status != runtime.Full {
		e.Fatalf("third of two: %s; want full", rs[2].Status)
	}
}

func publishRecord(e *env) {
	end := e.after(time.Hour)
	p := e.task("a", named("demo.mul"), inQueue("mail"), priority(3), unique("k"), expires(end), member("g"))
	e.publishAll(&runtime.Effects{Groups: []runtime.Group{{ID: "g", Members: []string{"a"}}}, Publish: []runtime.Publication{p}})
	r := e.is("a", runtime.StateQueued, runtime.PlaceReady)
	want := fmt.Sprint("a demo.mul mail 3 k g 0 0 0")
	got := fmt.Sprint(r.ID, " ", r.Name, " ", r.Queue, " ", r.Priority, " ", r.UniqueKey, " ", r.Group, " ",
		r.Attempt, " ", r.Deliveries, " ", r.Losses)
	if got != want {
		e.Errorf("record says %s; want %s", got, want)
	}
	if !r.EnqueuedAt.Equal(e.clock.Now()) || !r.ExpiresAt.Equal(end) || !r.StartedAt.IsZero() || !r.FinishedAt.IsZero() {
		e.Errorf("times of the record: %+v", r)
	}
}

func publishThousand(e *env) {
	ids := numbered("t", 1000)
	e.acceptPlain(ids...)
	e.take(ids...)
}

func publishForeignMember(e *env) {
	g := runtime.Group{ID: "g", Members: []string{"a"}}
	rs := e.publishAll(&runtime.Effects{Groups: []runtime.Group{g}, Publish: []runtime.Publication{
		e.task("a", member("g")), e.task("stranger", member("g")), e.task("lost", member("nowhere")),
	}})
	e.wantPublished(rs[0], runtime.Accepted, "a")
	e.wantInvalid(rs[1])
	e.wantInvalid(rs[2])
	e.take("a")
}

func publishAcross(e *env) {
	other := e.from(e.open())
	e.acceptPlain("a")
	other.is("a", runtime.StateQueued, runtime.PlaceReady)
	d := other.takeOne("a")
	e.takeNone()
	other.end(runtime.Succeeded, d)
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
}

// A group has no result of its own, so the whole step is refused.
func publishBrokenGroup(e *env) {
	bad := []runtime.Group{{ID: "g"}, {ID: "", Members: []string{"a"}}, {ID: "g", Members: []string{"a", "a"}}}
	for _, g := range bad {
		_, err := e.Broker.Publish(e.ctx, &runtime.Effects{
			Groups: []runtime.Group{g}, Publish: []runtime.Publication{e.task("a")},
		})
		e.fails(err, runtime.ErrInvalid, fmt.Sprintf("publish with group %+v", g))
		e.unknown("a")
	}
}

func publishLarge(e *env) {
	id, name := strings.Repeat("i", runtime.MaxIDLength), strings.Repeat("n", runtime.MaxNameLength)
	p := e.task(id, named(name), inQueue(name), priority(runtime.MaxPriority), unique(strings.Repeat("k", 512)))
	p.Envelope.Args = fmt.Appendf(nil, `{"text":"%s"}`, strings.Repeat("x", runtime.MaxArgsBytes-11))
	e.accept(p)
	ds := e.receive(1, name)
	e.wantIDs(deliveredIDs(ds), id)
	e.sameEnvelope(ds[0].Envelope, p.Envelope)
}
