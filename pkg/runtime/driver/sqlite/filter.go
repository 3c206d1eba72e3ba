package sqlite

import (
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// filter gathers the conditions of a query and their arguments.
type filter struct {
	conditions []string
	args       []any
}

// and adds a condition with its arguments.
func (f *filter) and(condition string, args ...any) {
	f.conditions = append(f.conditions, condition)
	f.args = append(f.args, args...)
}

// in adds that column is one of several values, unless there are none.
func (f *filter) in(column string, values []any) {
	if len(values) == 0 {
		return
	}
	f.and(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
}

// equal adds that column is s, unless that is empty.
func (f *filter) equal(column, s string) {
	if s != "" {
		f.and(column+" = ?", s)
	}
}

func (f *filter) where() string { return sqlText(" WHERE " + strings.Join(f.conditions, " AND ")) }

// tasks adds what a TaskQuery asks for.
func (f *filter) tasks(q *runtime.TaskQuery) {
	f.equal("t.queue", q.Queue)
	f.equal("t.name", q.Name)
	var states, places []any
	for _, s := range q.States {
		states = append(states, stateNumber(s))
	}
	for _, p := range q.Places {
		places = append(places, placeNumber(p))
	}
	f.in("t.state", states)
	f.in("t.place", places)
	if !q.Since.IsZero() {
		f.and("t.enqueued >= ?", q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		f.and("t.enqueued < ?", q.Until.UnixMicro())
	}
}

// dead adds what a DeadQuery asks for.
func (f *filter) dead(q *runtime.DeadQuery) {
	f.and("t.place = #dead")
	f.equal("t.queue", q.Queue)
	f.equal("t.name", q.Name)
	f.equal("d.reason", q.Reason)
	if q.Text != "" {
		f.and("instr(lower(d.error), lower(?)) > 0", q.Text)
	}
	var ids []any
	for _, id := range q.IDs {
		ids = append(ids, id)
	}
	f.in("t.id", ids)
	if !q.Since.IsZero() {
		f.and("t.updated >= ?", q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		f.and("t.updated < ?", q.Until.UnixMicro())
	}
}
