package drivertest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// record is what the store knows about a task; its State is "" when it knows
// nothing.
func (e *env) record(id string) runtime.TaskRecord {
	e.Helper()
	rs, err := e.Results.Get(e.ctx, []string{id})
	e.ok(err, "get "+id)
	if len(rs) != 1 {
		e.Fatalf("get %s: %d records for one id", id, len(rs))
	}
	return rs[0]
}

// is asks for a task's state and place, and returns its record.
func (e *env) is(id string, state runtime.State, place runtime.Place) runtime.TaskRecord {
	e.Helper()
	r := e.record(id)
	if r.State != state || r.Place != place {
		e.Fatalf("%s is %s in %s; want %s in %s", id, r.State, r.Place, state, place)
	}
	return r
}

// wasCancelled asks that a task has ended as cancelled for a reason.
func (e *env) wasCancelled(id, reason string) {
	e.Helper()
	if r := e.is(id, runtime.StateCancelled, runtime.PlaceDone); r.Reason != reason {
		e.Fatalf("%s was cancelled for %q; want %q", id, r.Reason, reason)
	}
}

// isDead asks that a task is a dead letter for a reason, and returns it.
func (e *env) isDead(id, reason string) runtime.DeadLetter {
	e.Helper()
	e.is(id, runtime.StateFailed, runtime.PlaceDead)
	ls := e.deadLetters(runtime.DeadQuery{IDs: []string{id}})
	if len(ls) != 1 || ls[0].Task.ID != id {
		e.Fatalf("dead letters of %s: %d; want one", id, len(ls))
	}
	if ls[0].Task.Reason != reason {
		e.Fatalf("%s died of %q; want %q", id, ls[0].Task.Reason, reason)
	}
	return ls[0]
}

// unknown asks that the store has forgotten a task.
func (e *env) unknown(id string) {
	e.Helper()
	if r := e.record(id); r.State != "" {
		e.Fatalf("%s is %s in %s; want it forgotten", id, r.State, r.Place)
	}
}

// deadLetters lists every page.
func (e *env) deadLetters(q runtime.DeadQuery) []runtime.DeadLetter {
	e.Helper()
	return pages(e, func(cursor string) ([]runtime.DeadLetter, string, error) {
		q.Cursor = cursor
		return e.DeadLetters.List(e.ctx, q)
	})
}

// listed lists every page of unfinished tasks and dead letters.
func (e *env) listed(q runtime.TaskQuery) []runtime.TaskRecord {
	e.Helper()
	return pages(e, func(cursor string) ([]runtime.TaskRecord, string, error) {
		q.Cursor = cursor
		return e.Queues.List(e.ctx, q)
	})
}

// ended lists every page of ended tasks.
func (e *env) ended(q runtime.TaskQuery) []runtime.TaskRecord {
	e.Helper()
	return pages(e, func(cursor string) ([]runtime.TaskRecord, string, error) {
		q.Cursor = cursor
		return e.Results.List(e.ctx, q)
	})
}

// pages follows cursors to the end.
func pages[T any](e *env, page func(cursor string) ([]T, string, error)) []T {
	e.Helper()
	var all []T
	cursor := ""
	for range 10_000 {
		items, next, err := page(cursor)
		e.ok(err, "list")
		all = append(all, items...)
		if next == "" {
			return all
		}
		cursor = next
	}
	e.Fatal("list: the cursor never ends")
	return nil
}

func recordIDs(rs []runtime.TaskRecord) []string {
	var ids []string
	for _, r := range rs {
		ids = append(ids, r.ID)
	}
	return ids
}

func letterIDs(ls []runtime.DeadLetter) []string {
	var ids []string
	for _, l := range ls {
		ids = append(ids, l.Task.ID)
	}
	return ids
}

// stat is one queue in numbers.
func (e *env) stat(q string) runtime.QueueStat {
	e.Helper()
	ss, err := e.Queues.Stats(e.ctx, []string{q})
	e.ok(err, "stats of "+q)
	if len(ss) != 1 || ss[0].Queue != q {
		e.Fatalf("stats of %s: %+v; want one answer for it", q, ss)
	}
	return ss[0]
}

func (e *env) location(id string) runtime.Location {
	e.Helper()
	l, err := e.Queues.Locate(e.ctx, id)
	e.ok(err, "locate "+id)
	return l
}

func (e *env) group(id string) runtime.GroupView {
	e.Helper()
	g, err := e.Results.Group(e.ctx, id, 0, 1000)
	e.ok(err, "group "+id)
	return g
}

// audits are the entries about a subject, newest first.
func (e *env) auditsOf(subject string) []runtime.AuditEntry {
	e.Helper()
	return pages(e, func(cursor string) ([]runtime.AuditEntry, string, error) {
		return e.Audits.List(e.ctx, runtime.AuditQuery{Subject: subject, Cursor: cursor})
	})
}

// brief prints a list of ids, shortened in the middle.
func brief(ids []string) string {
	if len(ids) <= 12 {
		return fmt.Sprintf("[%s]", strings.Join(ids, " "))
	}
	return fmt.Sprintf("[%s … %s] (%d)", strings.Join(ids[:5], " "), strings.Join(ids[len(ids)-5:], " "), len(ids))
}

// numbered makes ids: t0001, t0002, ...
func numbered(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s%04d", prefix, i+1)
	}
	return ids
}

func sorted(ids []string) []string {
	out := slices.Clone(ids)
	slices.Sort(out)
	return out
}
