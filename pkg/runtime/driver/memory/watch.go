package memory

import (
	"context"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// watch is one Watch: what has changed and has not been sent yet. Only the
// latest record of each task is kept, in the order of their first change.
type watch struct {
	pending map[string]runtime.TaskRecord
	order   []string
	wake    chan struct{}
}

// touch notes that t has changed and tells those who watch it.
func (s *store) touch(t *task) {
	t.UpdatedAt = s.now
	if len(s.watches) == 0 {
		return
	}
	for w := range s.watches[t.ID] {
		w.note(fullCopy(&t.TaskRecord))
	}
}

func (w *watch) note(r runtime.TaskRecord) {
	if _, known := w.pending[r.ID]; !known {
		w.order = append(w.order, r.ID)
	}
	w.pending[r.ID] = r
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Watch sends the current records of ids and then their changes until ctx ends.
func (r results) Watch(ctx context.Context, ids []string) (<-chan runtime.TaskRecord, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	defer r.exit()
	w := &watch{pending: map[string]runtime.TaskRecord{}, wake: make(chan struct{}, 1)}
	for _, id := range ids {
		if r.watches[id] == nil {
			r.watches[id] = map[*watch]bool{}
		}
		r.watches[id][w] = true
		w.note(r.get(id))
	}
	out := make(chan runtime.TaskRecord)
	go r.follow(ctx, ids, w, out)
	return out, nil
}

// follow sends what w gathers, one record at a time, so that a slow reader sees
// the latest instead of every change.
func (r results) follow(ctx context.Context, ids []string, w *watch, out chan<- runtime.TaskRecord) {
	defer close(out)
	defer r.unfollow(ids, w)
	for {
		rec, found := r.pick(w)
		if !found {
			select {
			case <-w.wake:
				continue
			case <-ctx.Done():
				return
			case <-r.closed:
				return
			}
		}
		select {
		case out <- rec:
		case <-ctx.Done():
			return
		case <-r.closed:
			return
		}
	}
}

func (r results) pick(w *watch) (runtime.TaskRecord, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(w.order) == 0 {
		return runtime.TaskRecord{}, false
	}
	id := w.order[0]
	w.order = w.order[1:]
	rec := w.pending[id]
	delete(w.pending, id)
	return rec, true
}

func (r results) unfollow(ids []string, w *watch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.watches[id], w)
		if len(r.watches[id]) == 0 {
			delete(r.watches, id)
		}
	}
}
