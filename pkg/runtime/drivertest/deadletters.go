package drivertest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var deadLetterCases = []testCase{
	{"01_OldestFirst", deadOrder},
	{"02_Filters", deadFilters},
	{"03_PagesCoverEverythingOnce", deadPages},
	{"04_PagesAreStableUnderChange", deadStable},
	{"05_ForeignCursorIsInvalid", deadCursor},
	{"06_ReplayComesBack", deadReplay},
	{"07_ReplayWithAnotherEnvelope", deadReplayNext},
	{"08_ReplayLater", deadReplayLater},
	{"09_RepeatedReplayIsHarmless", deadReplayTwice},
	{"10_ReplayClaimsTheKeyAgain", deadReplayUnique},
	{"11_ReplayReportsTheNewOwner", deadReplayDuplicate},
	{"12_OneReplayEachInOrder", deadReplayBatch},
	{"13_ReplayIsAudited", deadReplayAudit},
	{"14_ReplayedDiesAgain", deadReplayDies},
	{"15_PurgeIsForGood", deadPurge},
	{"16_PurgeIsAudited", deadPurgeAudit},
	{"17_NothingLeavesByItself", deadStays},
	{"18_ReplayForgetsLosses", deadReplayLosses},
	{"19_ReplayOldestFirstKeepsTheOrder", deadReplayOrder},
	{"20_ReplayedByAnotherProcess", deadAcross},
	{"21_EmptyFilterCountsAll", deadCount},
	{"22_ReplayWakes", deadReplayWakes},
	{"23_InvalidReplayChangesNothing", deadReplayInvalid},
	{"24_NewestGoAndMoreCome", deadNewestGo},
}

// replay puts dead letters back, as they are.
func (e *env) replay(rs ...runtime.Replay) []runtime.PublishResult {
	e.Helper()
	out, err := e.DeadLetters.Replay(e.ctx, rs)
	e.ok(err, "replay")
	if len(out) != len(rs) {
		e.Fatalf("replay: %d results for %d replays", len(out), len(rs))
	}
	return out
}

// replays puts a dead letter back, which must be accepted.
func (e *env) replays(id string) {
	e.Helper()
	e.wantPublished(e.replay(runtime.Replay{TaskID: id, By: "ops", Reason: "fixed"})[0], runtime.Accepted, id)
}

// dead makes dead letters of plain tasks, one a second.
func (e *env) dead(ids ...string) {
	e.Helper()
	for _, id := range ids {
		e.acceptPlain(id)
		e.bury(e.takeOne(id))
		e.clock.Advance(time.Second)
	}
}

func deadOrder(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	for _, i := range []int{2, 0, 1} {
		e.bury(ds[i])
		e.clock.Advance(time.Second)
	}
	e.wantIDs(letterIDs(e.deadLetters(runtime.DeadQuery{})), "c", "a", "b")
}

func deadFilters(e *env) {
	start := e.clock.Now()
	for i, c := range []struct{ id, queue, name, reason, line string }{
		{"a", "default", "demo.add", runtime.ReasonExhausted, "dial TCP: Connection refused"},
		{"b", "default", "demo.mul", runtime.ReasonPermanent, "no such user 100%"},
		{"c", "mail", "demo.add", runtime.ReasonTimeout, "hard limit_reached"},
		{"d", "mail", "demo.mul", runtime.ReasonExhausted, ""},
	} {
		e.accept(e.task(c.id, inQueue(c.queue), named(c.name)))
		e.settled(died(e.receive(1, c.queue)[0], c.reason, c.line))
		if i < 3 {
			e.clock.Advance(time.Minute)
		}
	}
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	for _, c := range []struct {
		why  string
		q    runtime.DeadQuery
		want []string
	}{
		{"queue", runtime.DeadQuery{Queue: "mail"}, []string{"c", "d"}},
		{"name", runtime.DeadQuery{Name: "demo.mul"}, []string{"b", "d"}},
		{"reason", runtime.DeadQuery{Reason: runtime.ReasonExhausted}, []string{"a", "d"}},
		{"text, any case", runtime.DeadQuery{Text: "connection REFUSED"}, []string{"a"}},
		{"text, no pattern", runtime.DeadQuery{Text: "%"}, []string{"b"}},
		{"text, no wildcard", runtime.DeadQuery{Text: "t_r"}, []string{"c"}},
		{"text nowhere", runtime.DeadQuery{Text: "nothing like it"}, nil},
		{"ids", runtime.DeadQuery{IDs: []string{"d", "x", "b"}}, []string{"b", "d"}},
		{"since is inclusive", runtime.DeadQuery{Since: at(1)}, []string{"b", "c", "d"}},
		{"until is exclusive", runtime.DeadQuery{Until: at(1)}, []string{"a"}},
		{"between", runtime.DeadQuery{Since: at(1), Until: at(3)}, []string{"b", "c"}},
		{"all of it", runtime.DeadQuery{Queue: "mail", Name: "demo.add", Reason: runtime.ReasonTimeout, Text: "hard"}, []string{"c"}},
		{"none of it", runtime.DeadQuery{Queue: "mail", Reason: runtime.ReasonPermanent}, nil},
	} {
		for _, limit := range []int{0, 1} {
			c.q.Limit = limit
			if got := letterIDs(e.deadLetters(c.q)); !slices.Equal(got, c.want) {
				e.Errorf("%s (limit %d): %s; want %s", c.why, limit, brief(got), brief(c.want))
			}
		}
		n, err := e.DeadLetters.Count(e.ctx, c.q)
		e.ok(err, "count")
		if n != int64(len(c.want)) {
			e.Errorf("%s: counted %d; want %d", c.why, n, len(c.want))
		}
	}
}

func deadPages(e *env) {
	ids := numbered("t", 40)
	e.acceptPlain(ids...)
	e.bury(e.take(ids...)...) // all at one instant: time alone does not order them
	for _, limit := range []int{1, 7, 20, 40, 41, 1000} {
		e.wantIDs(letterIDs(e.deadLetters(runtime.DeadQuery{Limit: limit})), ids...)
	}
}

func deadStable(e *env) {
	ids := numbered("t", 40)
	e.acceptPlain(ids...)
	e.bury(e.take(ids...)...)
	seen := map[string]int{}
	q := runtime.DeadQuery{Limit: 7}
	for page := 0; ; page++ {
		ls, next, err := e.DeadLetters.List(e.ctx, q)
		e.ok(err, "list")
		for _, l := range ls {
			seen[l.Task.ID]++
		}
		if next == "" {
			break
		}
		q.Cursor = next
		e.replays(ls[0].Task.ID)
		e.purge(ls[len(ls)-1].Task.ID)
		e.receive(100)
		e.dead(fmt.Sprint("new", page))
	}
	for _, id := range ids {
		if seen[id] != 1 {
			e.Errorf("%s was seen %d times; want once", id, seen[id])
		}
	}
}

func (e *env) purge(ids ...string) int {
	e.Helper()
	n, err := e.DeadLetters.Purge(e.ctx, ids, "ops", "junk")
	e.ok(err, "purge")
	return n
}

func deadCursor(e *env) {
	e.dead("a")
	_, _, err := e.DeadLetters.List(e.ctx, runtime.DeadQuery{Cursor: "no cursor of yours"})
	e.fails(err, runtime.ErrInvalid, "list with a foreign cursor")
}

func deadReplay(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.settled(died(d, runtime.ReasonExhausted, "boom"))
	e.replays("a")
	r := e.is("a", runtime.StateQueued, runtime.PlaceReady)
	if r.Reason != "" || r.Error != "" || !r.FinishedAt.IsZero() {
		e.Fatalf("queued again, and the record says %q (%q), finished %v", r.Reason, r.Error, r.FinishedAt)
	}
	if n := len(e.deadLetters(runtime.DeadQuery{})); n != 0 {
		e.Fatalf("%d dead letters are left", n)
	}
	again := e.takeOne("a")
	e.sameEnvelope(again.Envelope, d.Envelope)
	e.end(runtime.Succeeded, again)
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
}

func deadReplayNext(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	e.settled(retryOf(d, time.Time{}))
	d = e.takeOne("a")
	e.bury(d)
	next := d.Envelope.Clone()
	next.Attempt, next.Priority = 0, 7
	next.Headers = map[string]string{runtime.HeaderReplay: "1"}
	e.wantPublished(e.replay(runtime.Replay{TaskID: "a", Next: next})[0], runtime.Accepted, "a")
	if r := e.record("a"); r.Attempt != 0 || r.Priority != 7 {
		e.Fatalf("record: attempt %d, priority %d; want 0, 7", r.Attempt, r.Priority)
	}
	e.sameEnvelope(e.takeOne("a").Envelope, next)
}

func deadReplayLater(e *env) {
	e.dead("a")
	at := e.after(time.Minute)
	e.wantPublished(e.replay(runtime.Replay{TaskID: "a", NotBefore: at})[0], runtime.Accepted, "a")
	if r := e.is("a", runtime.StateQueued, runtime.PlaceDelayed); !r.DueAt.Equal(at) {
		e.Fatalf("due %v; want %v", r.DueAt, at)
	}
	e.pass(59 * time.Second)
	e.takeNone()
	e.pass(time.Second)
	e.takeOne("a")
}

func deadReplayTwice(e *env) {
	e.dead("a")
	e.replays("a")
	again := func() {
		e.Helper()
		e.wantPublished(e.replay(runtime.Replay{TaskID: "a"})[0], runtime.Exists, "a")
	}
	again()
	d := e.takeOne("a")
	again()
	e.end(runtime.Succeeded, d)
	again()
	e.is("a", runtime.StateSucceeded, runtime.PlaceDone)
	e.takeNone()
	e.wantPublished(e.replay(runtime.Replay{TaskID: "nobody"})[0], runtime.Exists, "nobody")
}

func deadReplayUnique(e *env) {
	e.accept(e.task("a", unique("k")))
	e.bury(e.takeOne("a"))
	e.replays("a")
	e.duplicate(e.task("b", unique("k")), "a")
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.accept(e.task("b", unique("k")))
}

func deadReplayDuplicate(e *env) {
	e.accept(e.task("a", unique("k")))
	e.bury(e.takeOne("a"))
	e.accept(e.task("b", unique("k")))
	e.wantPublished(e.replay(runtime.Replay{TaskID: "a"})[0], runtime.Duplicate, "b")
	e.isDead("a", runtime.ReasonPermanent)
	if n := len(e.auditsOf("a")); n != 0 {
		e.Fatalf("a replay that did nothing left %d audit entries", n)
	}
	e.end(runtime.Succeeded, e.takeOne("b"))
	e.replays("a")
}

func deadReplayBatch(e *env) {
	e.dead("a", "b", "c")
	rs := e.replay(runtime.Replay{TaskID: "c"}, runtime.Replay{TaskID: "x"}, runtime.Replay{TaskID: "a"}, runtime.Replay{TaskID: "a"})
	e.wantPublished(rs[0], runtime.Accepted, "c")
	e.wantPublished(rs[1], runtime.Exists, "x")
	e.wantPublished(rs[2], runtime.Accepted, "a")
	e.wantPublished(rs[3], runtime.Exists, "a")
	e.wantIDs(letterIDs(e.deadLetters(runtime.DeadQuery{})), "b")
}

func deadReplayAudit(e *env) {
	e.dead("a")
	e.replays("a")
	e.replay(runtime.Replay{TaskID: "a", By: "ops"})
	es := e.auditsOf("a")
	if len(es) != 1 || es[0].Action != runtime.AuditReplay || es[0].By != "ops" || es[0].Reason != "fixed" || es[0].Queue != queue {
		e.Fatalf("audit %+v; want one replay by ops", es)
	}
}

func deadReplayDies(e *env) {
	e.dead("a")
	e.replays("a")
	e.settled(died(e.takeOne("a"), runtime.ReasonTimeout, "again"))
	if l := e.isDead("a", runtime.ReasonTimeout); l.Task.Error != "again" {
		e.Fatalf("error %q; want the new one", l.Task.Error)
	}
	if s := e.stat(queue); s.Failed != 2 || s.Dead != 1 {
		e.Fatalf("failed %d, dead %d; want 2 and 1", s.Failed, s.Dead)
	}
	e.replays("a")
}

func deadReplayLosses(e *env) {
	e.acceptPlain("a")
	e.takeOne("a")
	e.clock.Advance(lease + time.Second)
	e.recoverWith(runtime.Recover{MaxLosses: 1})
	e.isDead("a", runtime.ReasonPoison)
	e.replays("a")
	if d := e.takeOne("a"); d.Losses != 0 {
		e.Fatalf("a new life begins with %d losses: one more would kill it", d.Losses)
	}
}

func deadReplayOrder(e *env) {
	e.dead("a", "b", "c")
	e.replay(runtime.Replay{TaskID: "a"}, runtime.Replay{TaskID: "b"}, runtime.Replay{TaskID: "c"})
	e.take("a", "b", "c")
}

func deadAcross(e *env) {
	e.dead("a")
	other := e.from(e.open())
	other.replays("a")
	e.end(runtime.Succeeded, e.takeOne("a"))
	other.is("a", runtime.StateSucceeded, runtime.PlaceDone)
}

func deadCount(e *env) {
	e.dead("a", "b")
	n, err := e.DeadLetters.Count(e.ctx, runtime.DeadQuery{Limit: 1})
	e.ok(err, "count")
	if n != 2 {
		e.Fatalf("counted %d; want 2, whatever the limit", n)
	}
}

func deadPurge(e *env) {
	e.accept(e.task("owner", unique("k")))
	e.bury(e.takeOne("owner"))
	e.dead("b", "c")
	e.acceptPlain("alive")
	if n := e.purge("owner", "b", "alive", "nobody"); n != 2 {
		e.Fatalf("purged %d; want 2", n)
	}
	if n := e.purge("b"); n != 0 {
		e.Fatalf("purged %d again", n)
	}
	e.unknown("b")
	e.wantIDs(letterIDs(e.deadLetters(runtime.DeadQuery{})), "c")
	e.wantPublished(e.replay(runtime.Replay{TaskID: "b"})[0], runtime.Exists, "b")
	e.take("alive")
}

func deadPurgeAudit(e *env) {
	e.dead("a")
	e.purge("a", "nobody")
	es := e.auditsOf("a")
	if len(es) != 1 || es[0].Action != runtime.AuditPurge || es[0].By != "ops" || es[0].Reason != "junk" || es[0].Queue != queue {
		e.Fatalf("audit %+v; want one purge by ops", es)
	}
	if n := len(e.auditsOf("nobody")); n != 0 {
		e.Fatalf("%d audit entries about nothing", n)
	}
}

func deadStays(e *env) {
	e.acceptPlain("a")
	s := died(e.takeOne("a"), runtime.ReasonPermanent, "")
	s.Keep = time.Second
	e.settled(s)
	e.pass(20 * 365 * 24 * time.Hour)
	e.isDead("a", runtime.ReasonPermanent)
	e.replays("a")
}

func deadReplayWakes(e *env) {
	e.dead("a")
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.replays("a")
	e.woken(out, "a")
}

func deadReplayInvalid(e *env) {
	e.dead("a")
	for why, next := range map[string]*runtime.Envelope{
		"broken":     {ID: "a", Name: "no spaces please", Queue: queue},
		"another id": e.task("b").Envelope,
	} {
		r := e.replay(runtime.Replay{TaskID: "a", Next: next})[0]
		if r.Status != runtime.Invalid || runtime.CodeOf(r.Err) != runtime.CodeInvalid {
			e.Errorf("%s: %s (%v); want invalid", why, r.Status, r.Err)
		}
		e.isDead("a", runtime.ReasonPermanent)
	}
}

// A page remembers where it ended. What dies later is behind that, also when the
// newest letters, which the numbers of a store may be counted from, have gone.
func deadNewestGo(e *env) {
	e.acceptPlain("a", "b", "c", "d", "e")
	ds := e.take("a", "b", "c", "d", "e")
	e.bury(ds[0], ds[1], ds[2])
	_, cursor, err := e.DeadLetters.List(e.ctx, runtime.DeadQuery{Limit: 2})
	e.ok(err, "list dead letters")
	n, err := e.DeadLetters.Purge(e.ctx, []string{"c"}, "ops", "")
	e.ok(err, "purge")
	if n != 1 {
		e.Fatalf("%d purged; want c", n)
	}
	e.replays("b")
	e.bury(ds[3], ds[4])
	ls, _, err := e.DeadLetters.List(e.ctx, runtime.DeadQuery{Limit: 10, Cursor: cursor})
	e.ok(err, "list dead letters")
	e.wantIDs(letterIDs(ls), "d", "e")
}
