package sqlite

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Watch sends the current records of ids and then their changes until ctx ends.
func (p results) Watch(ctx context.Context, ids []string) (<-chan runtime.TaskRecord, error) {
	if p.isClosed() {
		return nil, errClosed()
	}
	p.listen()
	w := &watch{ids: ids, pending: map[string]runtime.TaskRecord{}, wake: make(chan struct{}, 1)}
	p.watching.add(p.store, w)
	out := make(chan runtime.TaskRecord)
	p.background.Add(1)
	go func() {
		defer p.background.Done()
		defer close(out)
		defer p.watching.remove(w)
		p.follow(ctx, w, out)
	}()
	return out, nil
}

// watch is one Watch: what has changed and has not been sent yet. Only the
// latest record of each task is kept, in the order of their first change.
type watch struct {
	ids  []string
	wake chan struct{}

	mu      sync.Mutex
	pending map[string]runtime.TaskRecord
	order   []string
}

func (w *watch) note(r runtime.TaskRecord) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.pending[r.ID]; !known {
		w.order = append(w.order, r.ID)
	}
	w.pending[r.ID] = r
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watch) pick() (runtime.TaskRecord, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.order) == 0 {
		return runtime.TaskRecord{}, false
	}
	id := w.order[0]
	w.order = w.order[1:]
	r := w.pending[id]
	delete(w.pending, id)
	return r, true
}

// follow sends what w gathers, one record at a time, so that a slow reader sees
// the latest instead of every change.
func (st *store) follow(ctx context.Context, w *watch, out chan<- runtime.TaskRecord) {
	for {
		var to chan<- runtime.TaskRecord
		r, found := w.pick()
		wake := w.wake
		if found {
			to, wake = out, nil
		}
		select {
		case to <- r:
		case <-wake:
		case <-ctx.Done():
			return
		case <-st.closed:
			return
		}
	}
}

// watching looks, for all watches of this process together, at the records that
// may still change. It looks when something was rung, and not without a rest in
// between: on a busy store that is all the time.
type watching struct {
	mu      sync.Mutex
	watches map[*watch]bool
	looking bool          // a goroutine looks
	kick    chan struct{} // a watch has come: look now
	last    map[string]runtime.TaskRecord
}

const (
	watchRest  = 2 * time.Millisecond
	watchShare = 4 // a rest is this many times as long as the look before
)

func (g *watching) add(st *store, w *watch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.watches == nil {
		g.watches, g.last, g.kick = map[*watch]bool{}, map[string]runtime.TaskRecord{}, make(chan struct{}, 1)
	}
	g.watches[w] = true
	if !g.looking {
		g.looking = true
		st.background.Add(1)
		go func() {
			defer st.background.Done()
			g.loop(st)
		}()
	}
	select {
	case g.kick <- struct{}{}:
	default:
	}
}

func (g *watching) remove(w *watch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.watches, w)
}

func (g *watching) loop(st *store) {
	greeted := map[*watch]bool{}
	for {
		rung := st.bells.records.wait() // before the look, so that nothing falls in between
		start := time.Now()
		if !g.look(st, greeted) {
			return
		}
		rest := max(watchRest, watchShare*time.Since(start))
		select {
		case <-rung:
			select {
			case <-time.After(rest):
			case <-g.kick:
			case <-st.closed:
			}
		case <-g.kick:
		case <-st.closed:
		}
	}
}

// look reads what is watched and tells each watch what has changed. It reports
// false when nobody watches any more.
func (g *watching) look(st *store, greeted map[*watch]bool) bool {
	ids, more := g.open(st, greeted)
	if !more {
		return false
	}
	var records []runtime.TaskRecord
	err := st.read(st.life, "watch results", func(q session) (err error) {
		records, err = recordsOf(q, ids)
		return err
	})
	if err == nil {
		g.tell(records, greeted)
	} else {
		time.AfterFunc(lookBlind, st.bells.records.ring) // not to be read just now: look again soon
	}
	return true
}

// open returns the ids to read: those that are not known to be done, and all of
// a watch that has just come.
func (g *watching) open(st *store, greeted map[*watch]bool) (ids []string, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.watches) == 0 || st.isClosed() {
		g.looking = false
		clear(g.last)
		return nil, false
	}
	wanted := map[string]bool{}
	for w := range g.watches {
		for _, id := range w.ids {
			if (!greeted[w] || g.last[id].Place != runtime.PlaceDone) && !wanted[id] {
				wanted[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids, true
}

func (g *watching) tell(records []runtime.TaskRecord, greeted map[*watch]bool) {
	read, changed := map[string]runtime.TaskRecord{}, map[string]bool{}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range records {
		read[r.ID] = r
		if before, known := g.last[r.ID]; !known || !reflect.DeepEqual(before, r) {
			g.last[r.ID], changed[r.ID] = r, true
		}
	}
	for w := range g.watches {
		for _, id := range w.ids {
			if r, ok := read[id]; ok && (changed[id] || !greeted[w]) {
				w.note(r)
			}
		}
		greeted[w] = true
	}
}
