package sqlite

import (
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// rowsAtOnce is how many plain tasks of a large batch go in with one statement:
// it costs half as much a row as one statement each, and more gain little.
const rowsAtOnce = 32

var insertPlainRows = sqlText(`
INSERT INTO stem_tasks (id, name, queue, priority, place, state, attempt, enqueued, updated, envelope) VALUES ` +
	strings.Repeat(`(?, ?, ?, ?, #ready, #queued, ?, ?, ?, ?), `, rowsAtOnce-1) + `(?, ?, ?, ?, #ready, #queued, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`)

// plain reports whether a task wants nothing but a place in the line now.
func (d *taskDraft) plain() bool {
	return d.err == nil && d.Group == "" && d.Unique == nil && d.MaxDepth == 0 && d.NotBefore.IsZero() && d.flags() == 0
}

// plainRows returns the leading tasks that can go in with one statement, or nil
// when there are too few of them.
func plainRows(tasks []taskDraft) []taskDraft {
	if len(tasks) < rowsAtOnce {
		return nil
	}
	for i := range rowsAtOnce {
		if !tasks[i].plain() {
			return nil
		}
	}
	return tasks[:rowsAtOnce]
}

const lastSeq = `SELECT seq FROM sqlite_sequence WHERE name = 'stem_tasks'`

// publishRows stores rowsAtOnce plain tasks and fills in a result for each.
func (s *step) publishRows(ds []taskDraft, out []runtime.PublishResult) error {
	var before int64
	if _, err := one(s, lastSeq, func(r row) { before = r.int(0) }); err != nil {
		return err
	}
	args := make([]any, 0, 8*rowsAtOnce)
	for i := range ds {
		e := ds[i].Envelope
		args = append(args, ds[i].id, e.Name, e.Queue, e.Priority, e.Attempt, s.enqueuedAt(e), s.now, ds[i].raw)
	}
	n, err := s.exec(insertPlainRows, args...)
	if err != nil {
		return err
	}
	var known map[string]bool // nil: none was
	if n < rowsAtOnce {
		if known, err = s.knownBefore(ds, before); err != nil {
			return err
		}
	}
	for i := range ds {
		out[i] = runtime.PublishResult{Status: runtime.Accepted, ID: ds[i].id}
		if known[ds[i].id] {
			out[i].Status = runtime.Exists
			continue
		}
		if known != nil {
			known[ds[i].id] = true // by the first of two with one id
		}
		s.count(ds[i].Envelope.Queue, 0, placeReady, 1)
		s.queue(ds[i].Envelope.Queue).enqueued++
	}
	return nil
}

// knownBefore finds the ids that had a row before seq was given out.
func (s *step) knownBefore(ds []taskDraft, seq int64) (map[string]bool, error) {
	known := make(map[string]bool, len(ds))
	for i := range ds {
		found, err := one(s, `SELECT 1 FROM stem_tasks WHERE id = ? AND seq <= ?`, func(row) {}, ds[i].id, seq)
		if err != nil {
			return nil, err
		}
		known[ds[i].id] = found
	}
	return known, nil
}
