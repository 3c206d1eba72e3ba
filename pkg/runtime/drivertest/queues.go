package drivertest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var queueCases = []testCase{
	{"01_StatsCountEveryPlace", queueStats},
	{"02_StatsOfAllQueuesByName", queueStatsAll},
	{"03_UnknownQueueHasZeros", queueStatsUnknown},
	{"04_OldestReady", queueOldest},
	{"05_ListOldestFirst", queueList},
	{"06_ListFilters", queueFilters},
	{"07_PagesCoverEverythingOnce", queuePages},
	{"08_PagesAreStableUnderChange", queueStable},
	{"09_ForeignCursorIsInvalid", queueCursor},
	{"10_LimitIsBounded", queueLimit},
	{"11_ListHasNoBodies", queueNoBodies},
	{"12_LocateReady", locateReady},
	{"13_LocateNotYetDue", locateDelayed},
	{"14_LocateWaiting", locateWaiting},
	{"15_LocateParked", locateParked},
	{"16_LocateUniqueOwner", locateOwner},
	{"17_LocateLeased", locateLeased},
	{"18_LocateEnded", locateEnded},
	{"19_LocateUnknown", locateUnknown},
	{"20_EnvelopeIsTheStoredOne", queueEnvelope},
	{"21_EnvelopeIsGone", queueEnvelopeGone},
	{"22_EmptyStore", queueEmpty},
	{"23_EndedTasksAreNotListed", queueListEnded},
	{"24_DeadLettersAreListed", queueListDead},
	{"25_TotalsOnlyGrow", queueTotals},
	{"26_LocateBooked", locateBooked},
}

// everyPlace puts one task, named after it, into every place of the default
// queue.
func (e *env) everyPlace() {
	e.Helper()
	e.acceptPlain("leased", "waiting", "parked", "dead", "done")
	ds := e.take("leased", "waiting", "parked", "dead", "done")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1])
	e.settled(parkedAs(ds[2]), died(ds[3], runtime.ReasonPermanent, "boom"), as(ds[4], runtime.Succeeded))
	e.accept(e.task("delayed", due(e.after(time.Hour))), e.task("ready"))
	for _, p := range runtime.Places {
		if r := e.record(string(p)); r.Place != p {
			e.Fatalf("%s is in %s", p, r.Place)
		}
	}
}

func queueStats(e *env) {
	e.everyPlace()
	if got := present(e.stat(queue)); got != (places{1, 1, 1, 1, 1, 1}) {
		e.Fatalf("%+v; want one in each place", got)
	}
}

func queueStatsAll(e *env) {
	e.accept(e.task("c", inQueue("c")), e.task("a", inQueue("a")), e.task("b", inQueue("b")))
	ss, err := e.Queues.Stats(e.ctx, nil)
	e.ok(err, "stats")
	var names []string
	for _, s := range ss {
		names = append(names, s.Queue)
	}
	e.wantIDs(names, "a", "b", "c")
	ss, err = e.Queues.Stats(e.ctx, []string{"c", "a"})
	e.ok(err, "stats")
	if len(ss) != 2 || ss[0].Queue != "c" || ss[1].Queue != "a" || ss[0].Ready != 1 {
		e.Fatalf("stats of c and a: %+v", ss)
	}
}

func queueStatsUnknown(e *env) {
	if s := e.stat("nowhere"); s != (runtime.QueueStat{Queue: "nowhere"}) {
		e.Fatalf("%+v; want zeros", s)
	}
}

func queueOldest(e *env) {
	if s := e.stat(queue); !s.OldestReady.IsZero() {
		e.Fatalf("oldest ready %v in an empty queue", s.OldestReady)
	}
	first := e.clock.Now()
	e.acceptPlain("a")
	e.clock.Advance(time.Minute)
	e.accept(e.task("b", priority(9)))
	if s := e.stat(queue); !s.OldestReady.Equal(first) {
		e.Fatalf("oldest ready %v; want a's %v", s.OldestReady, first)
	}
	e.take("b", "a")
	if s := e.stat(queue); !s.OldestReady.IsZero() {
		e.Fatalf("oldest ready %v; want none", s.OldestReady)
	}
}

func queueList(e *env) {
	e.accept(e.task("a", priority(1)), e.task("b", priority(9)), e.task("c", inQueue("mail")), e.task("d"))
	e.takeNext("b")
	e.wantIDs(recordIDs(e.listed(runtime.TaskQuery{})), "a", "b", "c", "d")
}

func queueFilters(e *env) {
	start := e.clock.Now()
	e.everyPlace()
	e.clock.Advance(time.Hour)
	e.accept(e.task("mul", named("demo.mul")), e.task("mail", inQueue("mail")))
	e.settled(retryOf(e.receive(1, "mail")[0], e.after(time.Hour)))
	for _, c := range []struct {
		why  string
		q    runtime.TaskQuery
		want []string
	}{
		{"queue", runtime.TaskQuery{Queue: "mail"}, []string{"mail"}},
		{"no such queue", runtime.TaskQuery{Queue: "x"}, nil},
		{"name", runtime.TaskQuery{Name: "demo.mul"}, []string{"mul"}},
		{"name is not a prefix", runtime.TaskQuery{Name: "demo"}, nil},
		{"state", runtime.TaskQuery{States: []runtime.State{runtime.StateRetried, runtime.StateRunning}}, []string{"leased", "mail"}},
		{"place", runtime.TaskQuery{Places: []runtime.Place{runtime.PlaceParked, runtime.PlaceDead}}, []string{"dead", "parked"}},
		{"state and place", runtime.TaskQuery{States: []runtime.State{runtime.StateQueued}, Places: []runtime.Place{runtime.PlaceDelayed}}, []string{"delayed"}},
		{"since is inclusive", runtime.TaskQuery{Since: start.Add(time.Hour)}, []string{"mail", "mul"}},
		{"until is exclusive", runtime.TaskQuery{Until: start.Add(time.Hour), Places: []runtime.Place{runtime.PlaceReady}}, []string{"ready"}},
		{"nothing between", runtime.TaskQuery{Since: start.Add(time.Minute), Until: start.Add(time.Hour)}, nil},
	} {
		for _, limit := range []int{0, 1} {
			c.q.Limit = limit
			if got := sorted(recordIDs(e.listed(c.q))); !slices.Equal(got, c.want) {
				e.Errorf("%s (limit %d): %s; want %s", c.why, limit, brief(got), brief(c.want))
			}
		}
	}
}

func queuePages(e *env) {
	ids := numbered("t", 57)
	e.acceptPlain(ids...)
	for _, limit := range []int{1, 7, 19, 57, 58, 1000} {
		e.wantIDs(recordIDs(e.listed(runtime.TaskQuery{Limit: limit})), ids...)
	}
}

// Between the pages tasks come, end, move, retry and come back. Those that
// stay are each seen once.
func queueStable(e *env) {
	e.acceptPlain(numbered("t", 60)...)
	seen := map[string]int{}
	q := runtime.TaskQuery{Limit: 7}
	for page := 0; ; page++ {
		rs, next, err := e.Queues.List(e.ctx, q)
		e.ok(err, "list")
		for _, r := range rs {
			seen[r.ID]++
		}
		if next == "" {
			break
		}
		q.Cursor = next
		ds := e.receive(4)
		e.settled(as(ds[0], runtime.Succeeded), retryOf(ds[1], e.after(time.Hour)), as(ds[2], runtime.Released),
			died(ds[3], runtime.ReasonPermanent, ""))
		e.acceptPlain(fmt.Sprint("new", page))
	}
	for _, r := range e.listed(runtime.TaskQuery{}) {
		if n := seen[r.ID]; r.ID[0] == 't' && n != 1 {
			e.Errorf("%s, which has stayed, was seen %d times", r.ID, n)
		}
	}
	for id, n := range seen {
		if n > 1 {
			e.Errorf("%s was seen %d times", id, n)
		}
	}
}

func queueCursor(e *env) {
	e.acceptPlain("a")
	_, _, err := e.Queues.List(e.ctx, runtime.TaskQuery{Cursor: "no cursor of yours"})
	e.fails(err, runtime.ErrInvalid, "list with a foreign cursor")
}

func queueLimit(e *env) {
	e.acceptPlain(numbered("a", 1000)...)
	e.acceptPlain(numbered("b", 50)...)
	for limit, want := range map[int]int{0: 100, 5: 5, 1000: 1000, 5000: 1000} {
		rs, next, err := e.Queues.List(e.ctx, runtime.TaskQuery{Limit: limit})
		e.ok(err, "list")
		if len(rs) != want || next == "" {
			e.Errorf("limit %d: %d tasks, cursor %q; want %d and a cursor", limit, len(rs), next, want)
		}
	}
}

func queueNoBodies(e *env) {
	e.acceptPlain("a")
	s := retryOf(e.takeOne("a"), time.Time{})
	s.Result = []byte("a body")
	e.settled(s)
	if r := e.listed(runtime.TaskQuery{})[0]; r.Body != nil {
		e.Fatalf("body %q; want none", r.Body)
	}
}

func locateReady(e *env) {
	e.accept(e.task("low", priority(1)), e.task("a"), e.task("b"), e.task("elsewhere", inQueue("x"), priority(9)), e.task("high", priority(9)))
	for id, ahead := range map[string]int64{"high": 0, "low": 1, "a": 2, "b": 3, "elsewhere": 0} {
		l := e.location(id)
		if l.Task.ID != id || l.Task.Place != runtime.PlaceReady || l.Ahead != ahead {
			e.Errorf("%s: %s in %s, %d ahead; want ready, %d", id, l.Task.ID, l.Task.Place, l.Ahead, ahead)
		}
	}
}

func locateDelayed(e *env) {
	at := e.after(time.Hour)
	e.accept(e.task("a", due(at)))
	l := e.location("a")
	if l.Task.Place != runtime.PlaceDelayed || !l.Task.DueAt.Equal(at) {
		e.Fatalf("%+v; want it delayed until %v", l.Task, at)
	}
}

func locateWaiting(e *env) {
	e.acceptPlain("a", "b", "c", "d")
	ds := e.take("a", "b", "c", "d")
	e.runs(slots(2), ds[:2]...)
	e.waits(slots(2), ds[2:]...)
	for i, id := range []string{"c", "d"} {
		l := e.location(id)
		if l.Task.LimitKey != slots(2).Key || l.Position != int64(i+1) || l.Limit.Slots != 2 {
			e.Errorf("%s: position %d for %q of %+v; want %d", id, l.Position, l.Task.LimitKey, l.Limit, i+1)
		}
		e.heldBy(l.Holders, "a", "b")
	}
	if l := e.location("a"); l.Position != 0 || l.Task.LimitKey != "" {
		e.Errorf("a runs, and waits for %q at %d", l.Task.LimitKey, l.Position)
	}
}

// heldBy asks who has the slots of a limit.
func (e *env) heldBy(hs []runtime.SlotHolder, want ...string) {
	e.Helper()
	var ids []string
	for _, h := range hs {
		ids = append(ids, h.TaskID)
		if h.Worker != "w1" || !h.Since.Equal(e.clock.Now()) {
			e.Errorf("holder %+v; want w1's, since now", h)
		}
	}
	e.wantIDs(sorted(ids), want...)
}

// A booked task is due at a time, and the limit tells why.
func locateBooked(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(perMinute(1), ds[0])
	e.booked(perMinute(1), ds[1], e.after(time.Minute))
	l := e.location("b")
	if l.Task.LimitKey != perMinute(1).Key || l.Limit.Rate != 1 || !l.Task.DueAt.Equal(e.after(time.Minute)) {
		e.Fatalf("waits for %q (%+v) until %v; want the rate, in a minute", l.Task.LimitKey, l.Limit, l.Task.DueAt)
	}
}

func locateParked(e *env) {
	e.park(e.task("a"))
	if l := e.location("a"); l.Task.Place != runtime.PlaceParked || l.Task.Reason != runtime.ReasonUnknown {
		e.Fatalf("%+v; want it parked, and why", l.Task)
	}
}

func locateOwner(e *env) {
	e.accept(e.task("a", unique("k")))
	if l := e.location("a"); l.Owner != "" {
		e.Fatalf("a owns its key, and %q stands in its way", l.Owner)
	}
	e.bury(e.takeOne("a"))
	e.accept(e.task("b", unique("k")))
	if l := e.location("a"); l.Owner != "b" || l.Task.UniqueKey != "k" {
		e.Fatalf("owner %q of %q; want b of k", l.Owner, l.Task.UniqueKey)
	}
	if l := e.location("b"); l.Owner != "" {
		e.Fatalf("b owns its key, and %q stands in its way", l.Owner)
	}
}

func locateLeased(e *env) {
	e.acceptPlain("a", "b")
	e.takeNext("a")
	if l := e.location("a"); l.Task.Place != runtime.PlaceLeased || l.Task.Worker != "w1" || l.Ahead != 0 {
		e.Fatalf("%+v; want it in w1's hands", l)
	}
	if l := e.location("b"); l.Ahead != 0 {
		e.Fatalf("%d ahead of b; want none: a is not in the line any more", l.Ahead)
	}
}

func locateEnded(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.end(runtime.Succeeded, ds[0])
	e.bury(ds[1])
	if l := e.location("a"); l.Task.Place != runtime.PlaceDone || l.Task.State != runtime.StateSucceeded {
		e.Fatalf("%+v; want it done", l.Task)
	}
	if l := e.location("b"); l.Task.Place != runtime.PlaceDead || l.Task.Reason != runtime.ReasonPermanent {
		e.Fatalf("%+v; want it dead", l.Task)
	}
}

func locateUnknown(e *env) {
	_, err := e.Queues.Locate(e.ctx, "nobody")
	e.fails(err, runtime.ErrNotFound, "locate an unknown task")
}

func queueEnvelope(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	s := retryOf(d, e.after(time.Hour))
	e.ok(s.Next.SetMeta("user", "changed"), "set meta")
	e.settled(s)
	got, err := e.Queues.Envelope(e.ctx, "a")
	e.ok(err, "read the envelope")
	e.sameEnvelope(got, s.Next)
}

func queueEnvelopeGone(e *env) {
	_, err := e.Queues.Envelope(e.ctx, "nobody")
	e.fails(err, runtime.ErrNotFound, "read the envelope of an unknown task")
	e.acceptPlain("a")
	e.bury(e.takeOne("a"))
	_, err = e.Queues.Envelope(e.ctx, "a")
	e.ok(err, "read the envelope of a dead letter")
}

func queueEmpty(e *env) {
	ss, err := e.Queues.Stats(e.ctx, nil)
	e.ok(err, "stats")
	if len(ss) != 0 || len(e.listed(runtime.TaskQuery{})) != 0 || len(e.ended(runtime.TaskQuery{})) != 0 {
		e.Fatalf("an empty store has queues %+v or tasks", ss)
	}
}

func queueListEnded(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.settled(as(ds[0], runtime.Succeeded), as(ds[1], runtime.Cancelled))
	e.wantIDs(recordIDs(e.listed(runtime.TaskQuery{})), "c")
}

func queueListDead(e *env) {
	e.acceptPlain("a", "b")
	e.bury(e.takeNext("a"))
	e.wantIDs(recordIDs(e.listed(runtime.TaskQuery{})), "a", "b")
	e.replays("a")
	e.wantIDs(sorted(recordIDs(e.listed(runtime.TaskQuery{}))), "a", "b")
}

func queueTotals(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	short := as(ds[0], runtime.Succeeded)
	short.Keep = time.Minute
	e.settled(short, as(ds[1], runtime.Cancelled), died(ds[2], runtime.ReasonPermanent, ""))
	before := e.stat(queue)
	e.purge("c")
	e.pass(runtime.DefaultKeep + time.Hour)
	e.unknown("a")
	before.Dead = 0
	if after := e.stat(queue); after != before {
		e.Fatalf("%+v; want the totals as they were, %+v", after, before)
	}
}
