package drivertest

import (
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var heartbeatCases = []testCase{
	{"01_LiveWorkersInOrder", beatList},
	{"02_EverythingComesBack", beatRoundTrip},
	{"03_NewestReplaces", beatNewest},
	{"04_SilentWorkerIsGone", beatExpires},
	{"05_LeaveRemovesAtOnce", beatLeave},
	{"06_LeaveOfAPredecessor", beatLeaveOld},
	{"07_AcrossProcesses", beatAcross},
}

func (e *env) beat(h runtime.Heartbeat, ttl time.Duration) {
	e.Helper()
	e.ok(e.Heartbeats.Beat(e.ctx, h, ttl), "beat")
}

func (e *env) workers() []runtime.Heartbeat {
	e.Helper()
	hs, err := e.Heartbeats.List(e.ctx)
	e.ok(err, "list heartbeats")
	return hs
}

// alive asks which workers live.
func (e *env) alive(want ...string) {
	e.Helper()
	var ids []string
	for _, h := range e.workers() {
		ids = append(ids, h.WorkerID)
	}
	e.wantIDs(ids, want...)
}

func beatOf(id string) runtime.Heartbeat {
	return runtime.Heartbeat{WorkerID: id, Incarnation: "1", Version: "1", State: "running"}
}

func beatList(e *env) {
	e.alive()
	for _, id := range []string{"c", "a", "b"} {
		e.beat(beatOf(id), time.Minute)
	}
	e.alive("a", "b", "c")
}

func beatRoundTrip(e *env) {
	at := e.clock.Now()
	in := runtime.Heartbeat{
		WorkerID: "host-1:2@x", Incarnation: "i1", Timestamp: at, Version: "1", Build: "v1.2.3", Host: "höst", PID: 4711,
		StartedAt: at.Add(-time.Hour), State: "draining", Concurrency: 10, Prefetch: 5, Inflight: 3,
		Queues: []string{"a", "b"}, Tasks: []string{"demo.add"}, Paused: []string{"b"},
		Active: []runtime.ActiveTask{{ID: "t", Name: "demo.add", Queue: "a", Attempt: 2, StartedAt: at}},
		Stuck:  []runtime.ActiveTask{{ID: "s", Name: "demo.add", Queue: "a", StartedAt: at, Stack: "goroutine 1 [running]:\n\tmain"}},
		Rates:  map[string]float64{"a": 12.5}, Succeeded: 1 << 40, Failed: 2, Retried: 3, LeaseLost: 4,
		LastRenewal: at, MemoryBytes: 5,
	}
	e.beat(in, time.Minute)
	if got := e.workers(); len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(in) {
		e.Fatalf("heartbeats\n%+v\nwant\n%+v", got, in)
	}
}

func beatNewest(e *env) {
	h := beatOf("a")
	e.beat(h, time.Minute)
	h.Incarnation, h.Inflight = "2", 7
	e.beat(h, time.Minute)
	if got := e.workers(); len(got) != 1 || got[0].Inflight != 7 || got[0].Incarnation != "2" {
		e.Fatalf("heartbeats %+v; want the newest alone", got)
	}
}

func beatExpires(e *env) {
	e.beat(beatOf("a"), time.Minute)
	e.beat(beatOf("b"), time.Minute)
	e.clock.Advance(40 * time.Second)
	e.beat(beatOf("b"), time.Minute)
	e.alive("a", "b")
	e.clock.Advance(21 * time.Second)
	e.alive("b")
	e.clock.Advance(time.Minute)
	e.alive()
}

func beatLeave(e *env) {
	e.beat(beatOf("a"), time.Minute)
	e.beat(beatOf("b"), time.Minute)
	e.ok(e.Heartbeats.Leave(e.ctx, runtime.Consumer{Worker: "a", Incarnation: "1"}), "leave")
	e.alive("b")
	e.ok(e.Heartbeats.Leave(e.ctx, runtime.Consumer{Worker: "a", Incarnation: "1"}), "leave again")
}

// A worker that was started again under its name must not be removed by its
// predecessor's slow end.
func beatLeaveOld(e *env) {
	h := beatOf("a")
	h.Incarnation = "2"
	e.beat(h, time.Minute)
	e.ok(e.Heartbeats.Leave(e.ctx, runtime.Consumer{Worker: "a", Incarnation: "1"}), "leave")
	e.alive("a")
}

func beatAcross(e *env) {
	e.beat(beatOf("a"), time.Minute)
	e.from(e.open()).alive("a")
}
