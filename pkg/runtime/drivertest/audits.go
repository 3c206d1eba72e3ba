package drivertest

import (
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var auditCases = []testCase{
	{"01_NewestFirst", auditOrder},
	{"02_Filters", auditFilters},
	{"03_PagesCoverEverythingOnce", auditPages},
	{"04_ForeignCursorIsInvalid", auditCursor},
	{"05_EverythingComesBack", auditRoundTrip},
	{"06_KeptForAWhile", auditKept},
}

func (e *env) note(es ...runtime.AuditEntry) {
	e.Helper()
	e.ok(e.Audits.Append(e.ctx, es), "append to the audit")
}

func (e *env) audits(q runtime.AuditQuery, want ...string) []runtime.AuditEntry {
	e.Helper()
	es := pages(e, func(cursor string) ([]runtime.AuditEntry, string, error) {
		q.Cursor = cursor
		return e.Audits.List(e.ctx, q)
	})
	var subjects []string
	for _, a := range es {
		subjects = append(subjects, a.Subject)
	}
	e.wantIDs(subjects, want...)
	return es
}

func (e *env) act(action, subject string) runtime.AuditEntry {
	return runtime.AuditEntry{At: e.clock.Now(), Action: action, Subject: subject, By: "ops"}
}

func auditOrder(e *env) {
	e.note(e.act("x", "1"), e.act("x", "2"))
	e.clock.Advance(time.Second)
	e.note(e.act("x", "3"))
	e.audits(runtime.AuditQuery{}, "3", "2", "1")
	e.from(e.open()).audits(runtime.AuditQuery{}, "3", "2", "1")
}

func auditFilters(e *env) {
	e.note(e.act("pause", "a"), e.act("purge", "a"))
	e.clock.Advance(time.Minute)
	since := e.clock.Now()
	e.note(e.act("pause", "b"), e.act("purge", "c"))
	e.audits(runtime.AuditQuery{Action: "pause"}, "b", "a")
	e.audits(runtime.AuditQuery{Subject: "a"}, "a", "a")
	e.audits(runtime.AuditQuery{Since: since}, "c", "b")
	e.audits(runtime.AuditQuery{Action: "purge", Since: since}, "c")
	e.audits(runtime.AuditQuery{Action: "purge", Subject: "b"})
}

func auditPages(e *env) {
	ids := numbered("s", 30)
	for _, id := range ids {
		e.note(e.act("x", id))
	}
	for _, limit := range []int{1, 7, 30, 31} {
		es := e.audits(runtime.AuditQuery{Limit: limit}, reversed(ids)...)
		if len(es) != len(ids) {
			e.Fatalf("limit %d: %d entries", limit, len(es))
		}
	}
	rs, next, err := e.Audits.List(e.ctx, runtime.AuditQuery{Limit: 7})
	e.ok(err, "list")
	if len(rs) != 7 || next == "" {
		e.Fatalf("a page of 7 has %d entries, cursor %q", len(rs), next)
	}
}

func reversed(ids []string) []string {
	out := make([]string, 0, len(ids))
	for i := len(ids) - 1; i >= 0; i-- {
		out = append(out, ids[i])
	}
	return out
}

func auditCursor(e *env) {
	_, _, err := e.Audits.List(e.ctx, runtime.AuditQuery{Cursor: "no cursor of yours"})
	e.fails(err, runtime.ErrInvalid, "list with a foreign cursor")
}

func auditRoundTrip(e *env) {
	in := runtime.AuditEntry{At: e.clock.Now(), Action: "edit", Subject: "schedule:ünï", Queue: "mail", By: "ann@host", Reason: "line\n\"two\""}
	e.note(in)
	if got := e.audits(runtime.AuditQuery{}, in.Subject)[0]; fmt.Sprint(got) != fmt.Sprint(in) {
		e.Fatalf("entry %+v; want %+v", got, in)
	}
}

func auditKept(e *env) {
	e.note(e.act("x", "1"), e.act("x", "2"))
	e.pass(runtime.KeepAudits - time.Second)
	e.note(e.act("x", "3"))
	e.audits(runtime.AuditQuery{}, "3", "2", "1")
	e.clock.Advance(time.Second)
	r, err := e.Broker.Recover(e.ctx, runtime.Recover{Max: 1})
	e.ok(err, "recover")
	if !r.More {
		e.Fatal("two entries are to go, one at most at a time, and More is not set")
	}
	e.recover()
	e.audits(runtime.AuditQuery{}, "3")
}
