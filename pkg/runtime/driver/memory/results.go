package memory

import (
	"bytes"
	"context"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Get returns the records of ids, in that order.
func (r results) Get(ctx context.Context, ids []string) ([]runtime.TaskRecord, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	defer r.exit()
	out := make([]runtime.TaskRecord, len(ids))
	for i, id := range ids {
		out[i] = r.get(id)
	}
	return out, nil
}

// get returns the record of id with its body; that of an unknown id has no
// state.
func (s *store) get(id string) runtime.TaskRecord {
	r := s.stored(id)
	if r == nil {
		return runtime.TaskRecord{ID: id}
	}
	return fullCopy(r)
}

// Progress stores how far leased tasks are.
func (r results) Progress(ctx context.Context, c runtime.Consumer, ps []runtime.Progress) ([]runtime.Lease, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	defer r.exit()
	var lost []runtime.Lease
	for _, p := range ps {
		t := r.leased(c, p.Lease)
		if t == nil {
			lost = append(lost, p.Lease)
			continue
		}
		t.Percent, t.Data = p.Percent, bytes.Clone(p.Data)
		r.touch(t)
	}
	return lost, nil
}

// List pages through ended tasks, newest first.
func (r results) List(ctx context.Context, q runtime.TaskQuery) ([]runtime.TaskRecord, string, error) {
	from, err := parseCursor(q.Cursor, fromNewest)
	if err != nil {
		return nil, "", err
	}
	if err := r.enter(ctx); err != nil {
		return nil, "", err
	}
	defer r.exit()
	p := newPage[runtime.TaskRecord](q.Limit)
	r.ended.downwards(from, func(no uint64, e *entry) bool {
		t := e.stored()
		return !matches(&q, t) || p.add(no, briefCopy(t))
	})
	return p.items, p.cursor(), nil
}
