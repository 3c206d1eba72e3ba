package sqlite

import (
	"context"
	"reflect"
	"slices"
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
	w := &watch{ids: slices.Clone(ids), pending: map[string]runtime.TaskRecord{}, wake: make(chan struct{}, 1)}
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
	ids     []string
	wake    chan struct{}
	greeted bool // it has been sent the current records; under watching.mu

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
	watched map[string]*sighting
}

// sighting is a task that somebody watches, as it was seen last. It goes with
// the last of its watches.
type sighting struct {
	watches int
	record  runtime.TaskRecord
}

const (
	watchRest  = 2 * time.Millisecond
	watchShare = 4 // a rest is this many times as long as the look before
)

func (g *watching) add(st *store, w *watch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.watches == nil {
		g.watches, g.watched, g.kick = map[*watch]bool{}, map[string]*sighting{}, make(chan struct{}, 1)
	}
	g.watches[w] = true
	for _, id := range w.ids {
		if g.watched[id] == nil {
			g.watched[id] = &sighting{}
		}
		g.watched[id].watches++
	}
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
	for _, id := range w.ids {
		if s := g.watched[id]; s.watches > 1 {
			s.watches--
		} else {
			delete(g.watched, id)
		}
	}
}

func (g *watching) loop(st *store) {
	for {
		rung := st.bells.records.wait() // before the look, so that nothing falls in between
		start := time.Now()
		if !g.look(st) {
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
func (g *watching) look(st *store) bool {
	ids, fresh, more := g.open(st)
	if !more {
		return false
	}
	var records []runtime.TaskRecord
	err := st.read(st.life, "watch results", func(q session) (err error) {
		records, err = recordsOf(q, ids)
		return err
	})
	if err == nil {
		g.tell(records, fresh)
	} else {
		time.AfterFunc(lookBlind, st.bells.records.ring) // not to be read just now: look again soon
	}
	return true
}

// open returns the ids to read: those that are not known to be done, and all of
// a watch that has just come; those watches are fresh.
func (g *watching) open(st *store) (ids []string, fresh map[*watch]bool, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.watches) == 0 || st.isClosed() {
		g.looking = false
		return nil, nil, false
	}
	wanted := map[string]bool{}
	fresh = map[*watch]bool{}
	for w := range g.watches {
		if !w.greeted {
			fresh[w] = true
		}
		for _, id := range w.ids {
			if (!w.greeted || g.watched[id].record.Place != runtime.PlaceDone) && !wanted[id] {
				wanted[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids, fresh, true
}

// tell notes what has changed for those who watch it, and everything for the
// fresh. A watch that came after the look stays fresh.
func (g *watching) tell(records []runtime.TaskRecord, fresh map[*watch]bool) {
	read, changed := map[string]runtime.TaskRecord{}, map[string]bool{}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range records {
		read[r.ID] = r
		if s := g.watched[r.ID]; s != nil && !reflect.DeepEqual(s.record, r) {
			s.record, changed[r.ID] = r, true
		}
	}
	for w := range g.watches {
		for _, id := range w.ids {
			if r, ok := read[id]; ok && (changed[id] || fresh[w]) {
				w.note(r)
			}
		}
		w.greeted = w.greeted || fresh[w]
	}
}
