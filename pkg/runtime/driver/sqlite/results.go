package sqlite

import (
	"context"
	"encoding/json"
	"math"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Get returns the records of ids, in that order.
func (p results) Get(ctx context.Context, ids []string) ([]runtime.TaskRecord, error) {
	var out []runtime.TaskRecord
	err := p.read(ctx, "read results", func(q session) (err error) {
		out, err = recordsOf(q, ids)
		return err
	})
	return out, err
}

// recordsOf reads records with their bodies. The ids travel as one argument, so
// that there may be any number of them.
func recordsOf(q session, ids []string) ([]runtime.TaskRecord, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	found := make(map[string]runtime.TaskRecord, len(ids))
	err = q.query(`SELECT `+recordColumns+`, t.body `+taskTables+` WHERE t.id IN (SELECT value FROM json_each(?))`, func(r row) error {
		rec := scanRecord(r)
		rec.Body = r.bytes(recordWidth)
		found[rec.ID] = rec
		return nil
	}, string(list))
	out := make([]runtime.TaskRecord, len(ids))
	for i, id := range ids {
		out[i] = found[id]
		out[i].ID = id
	}
	return out, err
}

// Progress stores how far leased tasks are.
func (p results) Progress(ctx context.Context, c runtime.Consumer, ps []runtime.Progress) ([]runtime.Lease, error) {
	return write(ctx, p.store, "store progress", func(s *step) ([]runtime.Lease, error) {
		var lost []runtime.Lease
		for i := range ps {
			t, err := s.leased(ps[i].Lease)
			if err != nil {
				return nil, err
			}
			if !t.heldBy(c, ps[i].Lease) {
				lost = append(lost, ps[i].Lease)
				continue
			}
			if err := s.progress(t, &ps[i]); err != nil {
				return nil, err
			}
		}
		return lost, nil
	})
}

func (s *step) progress(t *task, p *runtime.Progress) error {
	t.flags |= flagDetails
	if err := s.save(t); err != nil {
		return err
	}
	s.rings |= bellOthers
	_, err := s.exec(`UPDATE stem_details SET percent = ?, data = ? WHERE seq = ?`, p.Percent, p.Data, t.seq)
	return err
}

// List pages through ended tasks, newest first.
func (p results) List(ctx context.Context, q runtime.TaskQuery) ([]runtime.TaskRecord, string, error) {
	before, err := parseCursor(q.Cursor, math.MaxInt64)
	if err != nil {
		return nil, "", err
	}
	var f filter
	f.and("t.end_no < ?", before)
	f.tasks(&q)
	return p.records(ctx, &f, "t.end_no", "DESC", q.Limit)
}

// records reads a page of records without bodies, in the order of a column.
func (st *store) records(ctx context.Context, f *filter, by, direction string, limit int) ([]runtime.TaskRecord, string, error) {
	var out []runtime.TaskRecord
	var numbers []int64
	query := `SELECT ` + recordColumns + `, ` + by + taskTables + f.where() + ` ORDER BY ` + by + ` ` + direction + ` LIMIT ?`
	err := st.read(ctx, "list tasks", func(q session) error {
		return q.query(query, func(r row) error {
			out = append(out, scanRecord(r))
			numbers = append(numbers, r.int(recordWidth))
			return nil
		}, append(f.args, pageSize(limit)+1)...)
	})
	items, next := page(out, numbers, limit)
	return items, next, err
}
