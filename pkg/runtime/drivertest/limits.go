package drivertest

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var limitCases = []testCase{
	{"01_ViewShowsHoldersAndWaiters", limitView},
	{"02_ViewShowsTheNextFreeToken", limitNextFree},
	{"03_SetIsShownAsOverride", limitSet},
	{"04_PrefixAndOrder", limitPrefix},
	{"05_RequestIsChecked", limitInvalid},
	{"06_RemovedOverrideIsGone", limitRemove},
	{"07_OverrideReachesOtherProcesses", limitAcross},
	{"08_RateOverride", limitRate},
	{"09_LoweredLimitLetsHoldersFinish", limitLowered},
}

func (e *env) limits(prefix string) []runtime.LimitView {
	e.Helper()
	vs, err := e.Limits.View(e.ctx, prefix)
	e.ok(err, "view limits")
	return vs
}

// limit is the one limit of a key.
func (e *env) limit(key string) runtime.LimitView {
	e.Helper()
	for _, v := range e.limits(key) {
		if v.Limit.Key == key {
			return v
		}
	}
	e.Fatalf("limit %s is not shown", key)
	return runtime.LimitView{}
}

func limitView(e *env) {
	e.acceptPlain("a", "b", "c", "d")
	ds := e.take("a", "b", "c", "d")
	e.runs(slots(2), ds[:2]...)
	e.waits(slots(2), ds[2:]...)
	v := e.limit(slots(2).Key)
	if v.Limit.Slots != 2 || v.Overridden || v.Waiting != 2 {
		e.Fatalf("view %+v; want 2 slots, 2 waiting", v)
	}
	e.heldBy(v.Holders, "a", "b")
	e.end(runtime.Succeeded, ds[:2]...)
	e.end(runtime.Succeeded, e.take("c", "d")...)
	if vs := e.limits(slots(2).Key); len(vs) > 0 && (len(vs[0].Holders) != 0 || vs[0].Waiting != 0) {
		e.Fatalf("nobody is left, and the view is %+v", vs[0])
	}
}

func limitNextFree(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.runs(perMinute(2), ds[0])
	if v := e.limit(perMinute(2).Key); !v.NextFree.IsZero() || v.Limit.Rate != 2 || v.Limit.Per != time.Minute {
		e.Fatalf("view %+v; want a rate of 2 a minute, free now", v)
	}
	e.runs(perMinute(2), ds[1])
	if v := e.limit(perMinute(2).Key); !v.NextFree.Equal(e.after(30 * time.Second)) {
		e.Fatalf("next free %v; want in 30s", v.NextFree)
	}
	e.booked(perMinute(2), ds[2], e.after(30*time.Second))
	if v := e.limit(perMinute(2).Key); !v.NextFree.Equal(e.after(time.Minute)) {
		e.Fatalf("next free %v; want in a minute", v.NextFree)
	}
}

func limitSet(e *env) {
	e.setLimit(runtime.LimitUse{Key: "task:x", Rate: 5, Per: time.Second, Slots: 3})
	v := e.limit("task:x")
	if !v.Overridden || v.Limit.Rate != 5 || v.Limit.Per != time.Second || v.Limit.Slots != 3 {
		e.Fatalf("view %+v; want the override", v)
	}
	e.setLimit(runtime.LimitUse{Key: "task:x", Slots: 9})
	if v := e.limit("task:x"); v.Limit.Slots != 9 || v.Limit.Rate != 0 {
		e.Fatalf("view %+v; want the newer override alone", v)
	}
}

func limitPrefix(e *env) {
	for _, key := range []string{"task:b", "group:x", "task:a", "task_c"} {
		e.setLimit(runtime.LimitUse{Key: key, Slots: 1})
	}
	for prefix, want := range map[string][]string{
		"": {"group:x", "task:a", "task:b", "task_c"}, "task:": {"task:a", "task:b"}, "task_": {"task_c"}, "x": nil,
	} {
		var keys []string
		for _, v := range e.limits(prefix) {
			keys = append(keys, v.Limit.Key)
		}
		e.wantIDs(keys, want...)
	}
}

func limitInvalid(e *env) {
	for why, u := range map[string]runtime.LimitUse{
		"no key": {Slots: 1}, "negative slots": {Key: "k", Slots: -1}, "negative rate": {Key: "k", Rate: -1, Per: time.Second},
		"a rate without a period": {Key: "k", Rate: 1},
	} {
		e.fails(e.Limits.Set(e.ctx, []runtime.LimitUse{u}), runtime.ErrInvalid, "set a limit with "+why)
	}
	if vs := e.limits(""); len(vs) != 0 {
		e.Fatalf("limits %+v; want none", vs)
	}
}

func limitRemove(e *env) {
	e.setLimit(runtime.LimitUse{Key: "task:x", Slots: 3})
	e.setLimit(runtime.LimitUse{Key: "task:x"})
	for _, v := range e.limits("") {
		if v.Overridden {
			e.Fatalf("view %+v; want no override", v)
		}
	}
	e.setLimit(runtime.LimitUse{Key: "task:never"})
}

func limitAcross(e *env) {
	e.from(e.open()).setLimit(slots(1))
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(slots(9), ds[0])
	e.waits(slots(9), ds[1])
}

func limitRate(e *env) {
	e.setLimit(perMinute(1))
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(perMinute(60), ds[0])
	e.booked(perMinute(60), ds[1], e.after(time.Minute))
}

func limitLowered(e *env) {
	e.acceptPlain("a", "b", "c")
	ds := e.take("a", "b", "c")
	e.runs(slots(2), ds[:2]...)
	e.setLimit(slots(1))
	e.waits(slots(2), ds[2])
	e.end(runtime.Succeeded, ds[0])
	e.is("c", runtime.StateQueued, runtime.PlaceWaiting)
	e.end(runtime.Succeeded, ds[1])
	e.takeOne("c")
}
