package drivertest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var resultCases = []testCase{
	{"01_GetInTheOrderAsked", resultsGet},
	{"02_UnknownHasNoState", resultsUnknown},
	{"03_WatchTellsTheCurrentStateFirst", watchCurrent},
	{"04_WatchTellsEveryEnd", watchEnd},
	{"05_WatchAcrossProcesses", watchAcross},
	{"06_WatchWaitsForAnUnknownTask", watchUnknown},
	{"07_WatchManyTasks", watchMany},
	{"08_WatchEndsWithItsContext", watchContext},
	{"09_WatchEndsWithItsStore", watchClosed},
	{"10_SlowWatcherSeesTheLast", watchSlow},
	{"11_WatchSeesProgress", watchProgress},
	{"12_ProgressIsStored", progressStored},
	{"13_ProgressIsFenced", progressFenced},
	{"14_ListNewestFirst", resultsList},
	{"15_ListFilters", resultsFilters},
	{"16_ListIsStableUnderChange", resultsStable},
	{"17_ForeignCursorIsInvalid", resultsCursor},
	{"18_ListHasNoBodies", resultsNoBodies},
	{"19_ReplayedIsNotEndedAnyMore", resultsReplayed},
	{"20_BodyIsKeptByteForByte", resultsBody},
	{"21_BodyOfTheLastSettlement", resultsLastBody},
	{"22_GetMany", resultsMany},
	{"23_ManyWatchersOfOneTask", watchTogether},
}

func resultsGet(e *env) {
	e.acceptPlain("a", "b", "c")
	rs, err := e.Results.Get(e.ctx, []string{"c", "nobody", "a", "c"})
	e.ok(err, "get")
	e.wantIDs(recordIDs(rs), "c", "nobody", "a", "c")
}

func resultsUnknown(e *env) {
	if r := e.record("nobody"); r.State != "" || r.Place != "" {
		e.Fatalf("unknown task is %s in %s; want empty", r.State, r.Place)
	}
	if rs, err := e.Results.Get(e.ctx, nil); err != nil || len(rs) != 0 {
		e.Fatalf("get of nothing: %d records, %v", len(rs), err)
	}
}

// watched is a Watch with the memory of what it has told.
type watched struct {
	e   *env
	out <-chan runtime.TaskRecord
}

func (e *env) watch(ctx context.Context, ids ...string) watched {
	e.Helper()
	out, err := e.Results.Watch(ctx, ids)
	e.ok(err, "watch")
	return watched{e, out}
}

// next is what the watch tells next.
func (w watched) next() runtime.TaskRecord {
	w.e.Helper()
	select {
	case r, open := <-w.out:
		if !open {
			w.e.Fatal("the watch has ended")
		}
		return r
	case <-time.After(10 * time.Second):
		w.e.Fatal("the watch tells nothing for 10s")
		return runtime.TaskRecord{}
	}
}

// until reads on until a task is in a state.
func (w watched) until(id string, state runtime.State) runtime.TaskRecord {
	w.e.Helper()
	for {
		if r := w.next(); r.ID == id && r.State == state {
			return r
		}
	}
}

// ends asks that the channel is closed, and soon.
func (w watched) ends() {
	w.e.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case _, open := <-w.out:
			if !open {
				return
			}
		case <-deadline:
			w.e.Fatal("the watch does not end")
		}
	}
}

func watchCurrent(e *env) {
	e.acceptPlain("queued", "ended")
	ds := e.take("queued", "ended")
	e.end(runtime.Released, ds[0])
	s := as(ds[1], runtime.Succeeded)
	s.Result = []byte("of ended")
	e.settled(s)
	w := e.watch(e.ctx, "queued", "ended")
	got := map[string]runtime.TaskRecord{}
	for range 2 {
		r := w.next()
		got[r.ID] = r
	}
	if got["queued"].State != runtime.StateQueued || got["ended"].State != runtime.StateSucceeded || string(got["ended"].Body) != "of ended" {
		e.Fatalf("current states: %+v", got)
	}
}

func watchEnd(e *env) {
	for _, o := range outcomes {
		if !o.Terminal() {
			continue
		}
		id := o.String()
		e.acceptPlain(id)
		w := e.watch(e.ctx, id)
		w.until(id, runtime.StateQueued)
		d := e.takeOne(id)
		w.until(id, runtime.StateRunning)
		s := settlementOf(d, o)
		s.Result = []byte(id)
		e.settled(s)
		if r := w.until(id, o.State()); string(r.Body) != id {
			e.Errorf("%s: body %q", id, r.Body)
		}
	}
}

func watchAcross(e *env) {
	other := e.from(e.open())
	e.acceptPlain("a")
	w := other.watch(e.ctx, "a")
	w.until("a", runtime.StateQueued)
	d := e.takeOne("a")
	w.until("a", runtime.StateRunning)
	s := as(d, runtime.Succeeded)
	s.Result = []byte("of a")
	e.settled(s)
	if r := w.until("a", runtime.StateSucceeded); string(r.Body) != "of a" {
		e.Fatalf("body %q; want the result", r.Body)
	}
}

func watchUnknown(e *env) {
	w := e.watch(e.ctx, "a")
	e.acceptPlain("a")
	w.until("a", runtime.StateQueued)
}

func watchMany(e *env) {
	ids := numbered("t", 50)
	e.acceptPlain(ids...)
	w := e.watch(e.ctx, ids...)
	e.end(runtime.Succeeded, e.take(ids...)...)
	left := map[string]bool{}
	for _, id := range ids {
		left[id] = true
	}
	for len(left) > 0 {
		if r := w.next(); r.State == runtime.StateSucceeded {
			delete(left, r.ID)
		}
	}
}

func watchContext(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	e.acceptPlain("a")
	w := e.watch(ctx, "a", "nobody")
	w.until("a", runtime.StateQueued)
	cancel()
	w.ends()
	ctx, cancel = context.WithCancel(e.ctx)
	unread := e.watch(ctx, "a")
	cancel()
	unread.ends()
}

func watchClosed(e *env) {
	b := e.open()
	w := e.from(b).watch(e.ctx, "a")
	e.ok(b.Close(), "close")
	w.ends()
}

// A watcher that does not keep up may miss what is between, never the end.
func watchSlow(e *env) {
	e.acceptPlain("a")
	w := e.watch(e.ctx, "a")
	for range 20 {
		e.end(runtime.Released, e.takeOne("a"))
	}
	e.end(runtime.Succeeded, e.takeOne("a"))
	w.until("a", runtime.StateSucceeded)
}

// Every watcher is told, and nobody waits for the one that does not read.
func watchTogether(e *env) {
	e.acceptPlain("a")
	e.watch(e.ctx, "a")
	var ws []watched
	for range 10 {
		ws = append(ws, e.watch(e.ctx, "a"))
	}
	e.end(runtime.Succeeded, e.takeOne("a"))
	for _, w := range ws {
		w.until("a", runtime.StateSucceeded)
	}
}

// progress reports for one delivery and returns what is lost.
func (e *env) progress(c runtime.Consumer, d runtime.Delivery, percent float64, data string) []runtime.Lease {
	e.Helper()
	p := runtime.Progress{Lease: d.Lease, Percent: percent}
	if data != "" {
		p.Data = []byte(data)
	}
	lost, err := e.Results.Progress(e.ctx, c, []runtime.Progress{p})
	e.ok(err, "progress")
	return lost
}

func watchProgress(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	w := e.from(e.open()).watch(e.ctx, "a")
	e.progress(w1, d, 40, `{"step":4}`)
	for {
		if r := w.next(); r.Percent == 40 && sameJSON(r.Data, []byte(`{"step":4}`)) {
			return
		}
	}
}

func progressStored(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	for _, p := range []float64{0, 12.5, 99.9} {
		if lost := e.progress(w1, d, p, fmt.Sprintf(`{"at":%v}`, p)); len(lost) != 0 {
			e.Fatalf("progress: lost %+v", lost)
		}
		if r := e.record("a"); r.Percent != p || !sameJSON(r.Data, fmt.Appendf(nil, `{"at":%v}`, p)) {
			e.Fatalf("record has %v, %s; want %v", r.Percent, r.Data, p)
		}
	}
	e.end(runtime.Succeeded, d)
}

func progressFenced(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.progress(w1, ds[0], 10, "")
	e.pass(lease + time.Second)
	fresh := e.takeAs(w2, "a", "b")
	lost, err := e.Results.Progress(e.ctx, w1, []runtime.Progress{{Lease: ds[0].Lease, Percent: 50}, {Lease: ds[1].Lease, Percent: 50}})
	e.ok(err, "progress")
	e.wantIDs(leaseIDs(lost), "a", "b")
	if r := e.record("b"); r.Percent != 0 {
		e.Fatalf("%v percent, reported by one who has lost it", r.Percent)
	}
	if lost := e.progress(w2, fresh[0], 20, ""); len(lost) != 0 {
		e.Fatalf("the new holder lost %+v", lost)
	}
	if lost := e.progress(w1again, fresh[1], 20, ""); len(lost) != 1 {
		e.Fatal("another worker reported progress")
	}
	e.wantSettled(e.settleAs(w2, as(fresh[0], runtime.Succeeded))[0], runtime.Settled, "a")
	if lost := e.progress(w2, fresh[0], 30, ""); len(lost) != 1 {
		e.Fatal("progress of a task that has ended")
	}
}

func resultsList(e *env) {
	e.acceptPlain("a", "b", "c", "d", "running")
	ds := e.take("a", "b", "c", "d", "running")
	for _, s := range []runtime.Settlement{as(ds[2], runtime.Succeeded), as(ds[0], runtime.Cancelled), died(ds[3], runtime.ReasonPanic, ""), as(ds[1], runtime.Succeeded)} {
		e.clock.Advance(time.Second)
		e.settled(s)
	}
	e.wantIDs(recordIDs(e.ended(runtime.TaskQuery{})), "b", "d", "a", "c")
	for _, limit := range []int{1, 2, 3, 4, 5} {
		e.wantIDs(recordIDs(e.ended(runtime.TaskQuery{Limit: limit})), "b", "d", "a", "c")
	}
}

func resultsFilters(e *env) {
	start := e.clock.Now()
	e.accept(e.task("a"), e.task("b", named("demo.mul")))
	e.clock.Advance(time.Hour)
	e.accept(e.task("c", inQueue("mail")))
	ds := append(e.take("a", "b"), e.receive(1, "mail")...)
	e.settled(as(ds[0], runtime.Succeeded), as(ds[1], runtime.Cancelled), as(ds[2], runtime.Succeeded))
	for _, c := range []struct {
		why  string
		q    runtime.TaskQuery
		want []string
	}{
		{"queue", runtime.TaskQuery{Queue: "mail"}, []string{"c"}},
		{"name", runtime.TaskQuery{Name: "demo.mul"}, []string{"b"}},
		{"state", runtime.TaskQuery{States: []runtime.State{runtime.StateSucceeded}}, []string{"a", "c"}},
		{"since is inclusive", runtime.TaskQuery{Since: start.Add(time.Hour)}, []string{"c"}},
		{"until is exclusive", runtime.TaskQuery{Until: start.Add(time.Hour)}, []string{"a", "b"}},
		{"place", runtime.TaskQuery{Places: []runtime.Place{runtime.PlaceDone}}, []string{"a", "b", "c"}},
		{"none", runtime.TaskQuery{Queue: "mail", Name: "demo.mul"}, nil},
	} {
		if got := sorted(recordIDs(e.ended(c.q))); !slices.Equal(got, c.want) {
			e.Errorf("%s: %s; want %s", c.why, brief(got), brief(c.want))
		}
	}
}

func resultsStable(e *env) {
	ids := numbered("t", 40)
	e.acceptPlain(ids...)
	e.end(runtime.Succeeded, e.take(ids...)...)
	seen := map[string]int{}
	q := runtime.TaskQuery{Limit: 7}
	for page := 0; ; page++ {
		rs, next, err := e.Results.List(e.ctx, q)
		e.ok(err, "list")
		for _, r := range rs {
			seen[r.ID]++
		}
		if next == "" {
			break
		}
		q.Cursor = next
		id := fmt.Sprint("new", page)
		e.acceptPlain(id)
		e.end(runtime.Succeeded, e.takeOne(id))
	}
	for _, id := range ids {
		if seen[id] != 1 {
			e.Errorf("%s was seen %d times; want once", id, seen[id])
		}
	}
}

func resultsCursor(e *env) {
	_, _, err := e.Results.List(e.ctx, runtime.TaskQuery{Cursor: "no cursor of yours"})
	e.fails(err, runtime.ErrInvalid, "list with a foreign cursor")
}

func resultsNoBodies(e *env) {
	e.acceptPlain("a")
	s := as(e.takeOne("a"), runtime.Succeeded)
	s.Result = []byte("a body")
	e.settled(s)
	if r := e.ended(runtime.TaskQuery{})[0]; r.Body != nil {
		e.Fatalf("body %q; want none", r.Body)
	}
}

func resultsReplayed(e *env) {
	e.dead("a")
	e.wantIDs(recordIDs(e.ended(runtime.TaskQuery{})), "a")
	e.replays("a")
	e.wantIDs(recordIDs(e.ended(runtime.TaskQuery{})))
}

func resultsBody(e *env) {
	body := make([]byte, 300_000)
	for i := range body {
		body[i] = byte(i * 7)
	}
	e.acceptPlain("a")
	s := as(e.takeOne("a"), runtime.Succeeded)
	s.Result = body
	e.settled(s)
	if r := e.record("a"); !slices.Equal(r.Body, body) {
		e.Fatalf("%d bytes came back changed; want the %d stored", len(r.Body), len(body))
	}
}

func resultsLastBody(e *env) {
	e.acceptPlain("a")
	s := retryOf(e.takeOne("a"), time.Time{})
	s.Result = []byte("first")
	e.settled(s)
	last := as(e.takeOne("a"), runtime.Succeeded)
	last.Result = []byte("second")
	e.settled(last)
	if r := e.record("a"); string(r.Body) != "second" || r.Attempt != 1 {
		e.Fatalf("attempt %d, body %q; want 1, second", r.Attempt, r.Body)
	}
}

func resultsMany(e *env) {
	ids := numbered("t", 1000)
	e.acceptPlain(ids...)
	slices.Reverse(ids)
	rs, err := e.Results.Get(e.ctx, ids)
	e.ok(err, "get")
	e.wantIDs(recordIDs(rs), ids...)
}
