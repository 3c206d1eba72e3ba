package memory

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// group counts the ends of its members.
type group struct {
	id            string
	members       []string
	ends          map[string]runtime.State // "" for a member that has not ended
	open          int                      // members that have not ended
	succeeded     int
	failed        int
	cancelled     int
	done, failing *task // published at the end; nil: nothing is
	deadline      time.Time
	closedAt      time.Time
	keep          time.Duration
	keepUntil     time.Time
	timer         int // in store.deadlines or store.groupKeeps
}

func newGroup(g *runtime.Group) (*group, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	out := &group{
		id: g.ID, members: append([]string(nil), g.Members...), open: len(g.Members),
		ends: make(map[string]runtime.State, len(g.Members)), deadline: g.Deadline.UTC(), keep: g.Keep,
	}
	for _, id := range g.Members {
		out.ends[id] = ""
	}
	var err error
	if out.done, err = callback(g.Done); err != nil {
		return nil, err
	}
	out.failing, err = callback(g.Failed)
	return out, err
}

// callback encodes what a group publishes at its end. Nobody would hear that
// the queue is full then, so its depth does not bind it.
func callback(p *runtime.Publication) (*task, error) {
	if p == nil {
		return nil, nil
	}
	t, err := newTask(p)
	if err != nil {
		return nil, err
	}
	t.maxDepth = 0
	return t, nil
}

func (g *group) has(id string) bool {
	if g == nil {
		return false
	}
	_, member := g.ends[id]
	return member
}

func (g *group) closed() bool { return !g.closedAt.IsZero() }

func (s *store) openGroup(g *group) {
	if s.groups[g.id] != nil {
		return
	}
	s.groups[g.id] = g
	if !g.deadline.IsZero() {
		s.deadlines.push(g)
	}
}

// countInGroup counts the end of t, the first one only, and closes the group
// with the last of its members.
func (s *store) countInGroup(t *task) {
	g := s.groups[t.Group]
	if t.Group == "" || !g.has(t.ID) || g.closed() || g.ends[t.ID] != "" {
		return
	}
	g.ends[t.ID] = t.State
	switch t.State {
	case runtime.StateSucceeded:
		g.succeeded++
	case runtime.StateFailed:
		g.failed++
	default:
		g.cancelled++
	}
	if g.open--; g.open == 0 {
		s.closeGroup(g)
	}
}

// closeGroup publishes the group's callback. Its id is fixed by the producer,
// so one that is known already is not run again.
func (s *store) closeGroup(g *group) {
	s.deadlines.remove(g)
	g.closedAt = s.now
	next := g.failing
	if g.succeeded == len(g.members) {
		next = g.done
	}
	g.done, g.failing = nil, nil
	if next != nil {
		if !s.groups[next.Group].has(next.ID) {
			next.Group = "" // it would be refused, and nobody would hear of it
		}
		s.publish(next)
	}
	if g.keep < 0 {
		delete(s.groups, g.id)
		return
	}
	if g.keep == 0 {
		g.keep = runtime.DefaultKeep
	}
	g.keepUntil = s.now.Add(g.keep)
	s.groupKeeps.push(g)
}

func (s *store) forgetGroup(g *group) {
	s.groupKeeps.remove(g)
	delete(s.groups, g.id)
}

// Group returns a group and a page of its members.
func (r results) Group(ctx context.Context, id string, from, n int) (runtime.GroupView, error) {
	if err := r.enter(ctx); err != nil {
		return runtime.GroupView{}, err
	}
	defer r.exit()
	g := r.groups[id]
	if g == nil {
		return runtime.GroupView{}, runtime.Errorf(runtime.CodeNotFound, "there is no group "+id)
	}
	v := runtime.GroupView{
		ID: g.id, Size: len(g.members), Succeeded: g.succeeded, Failed: g.failed, Cancelled: g.cancelled,
		Closed: g.closed(), ClosedAt: g.closedAt, Deadline: g.deadline,
	}
	from = min(max(from, 0), len(g.members))
	to := min(from+max(n, 0), len(g.members))
	for _, id := range g.members[from:to] {
		v.Members = append(v.Members, r.get(id))
	}
	return v, nil
}
