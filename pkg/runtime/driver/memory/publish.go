package memory

import (
	"context"
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Publish stores tasks in one step for the whole of e.
func (b broker) Publish(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
	d, err := newDraft(e)
	if err != nil {
		return nil, err
	}
	if err := b.enter(ctx); err != nil {
		return nil, err
	}
	defer b.exit()
	return b.commit(d), nil
}

// draft is effects made ready outside of the store: checked and encoded.
type draft struct {
	groups []*group
	tasks  []*task
	errs   []error // of tasks that are nil
	ids    []string
}

// newDraft fails when a group is wrong, for a group has no result of its own;
// a wrong publication only spoils itself.
func newDraft(e *runtime.Effects) (*draft, error) {
	d := &draft{}
	if e == nil {
		return d, nil
	}
	for i := range e.Groups {
		g, err := newGroup(&e.Groups[i])
		if err != nil {
			return nil, err
		}
		d.groups = append(d.groups, g)
	}
	n := len(e.Publish)
	d.tasks, d.errs, d.ids = make([]*task, n), make([]error, n), make([]string, n)
	for i := range e.Publish {
		p := &e.Publish[i]
		if p.Envelope != nil {
			d.ids[i] = p.Envelope.ID
		}
		d.tasks[i], d.errs[i] = newTask(p)
	}
	return d, nil
}

// commit stores a draft: groups before their members.
func (s *store) commit(d *draft) []runtime.PublishResult {
	for _, g := range d.groups {
		s.openGroup(g)
	}
	out := make([]runtime.PublishResult, len(d.tasks))
	for i, t := range d.tasks {
		if t == nil {
			out[i] = runtime.PublishResult{Status: runtime.Invalid, ID: d.ids[i], Err: d.errs[i]}
			continue
		}
		out[i] = s.publish(t)
	}
	return out
}

// publish decides about one task: known, in its group, unique, within the
// queue's depth. Nothing changes before all four are settled.
func (s *store) publish(t *task) runtime.PublishResult {
	if s.known[t.ID] != nil {
		return runtime.PublishResult{Status: runtime.Exists, ID: t.ID}
	}
	if t.Group != "" && !s.groups[t.Group].has(t.ID) {
		err := runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("task %s is no member of group %s", t.ID, t.Group))
		return runtime.PublishResult{Status: runtime.Invalid, ID: t.ID, Err: err}
	}
	owner, replaced := s.contest(t)
	if owner != "" {
		return runtime.PublishResult{Status: runtime.Duplicate, ID: owner}
	}
	if t.maxDepth > 0 && s.depthWithout(replaced, t.Queue) >= int64(t.maxDepth) {
		return runtime.PublishResult{Status: runtime.Full, ID: t.ID}
	}
	if replaced != nil {
		s.end(replaced, ending{state: runtime.StateCancelled, reason: runtime.ReasonReplaced})
	}
	s.accept(t)
	return runtime.PublishResult{Status: runtime.Accepted, ID: t.ID}
}

func (s *store) depthWithout(replaced *task, queue string) int64 {
	depth := s.queue(queue).depth()
	if replaced != nil && replaced.Queue == queue && replaced.Place != runtime.PlaceParked {
		depth--
	}
	return depth
}

// accept makes t known and puts it where it belongs.
func (s *store) accept(t *task) {
	s.seq++
	t.seq = s.seq
	t.State = runtime.StateQueued
	if t.EnqueuedAt.IsZero() {
		t.EnqueuedAt = s.now
	}
	t.entry = &entry{id: t.ID, task: t}
	s.known[t.ID] = t.entry
	t.onListed = s.listed.put(t.seq, t)
	s.queue(t.Queue).stat.Enqueued++
	s.claimKey(t)
	s.lineUp(t)
	s.obey(t)
}

// lineUp makes t ready, or delayed when it is not due yet.
func (s *store) lineUp(t *task) {
	if passed(t.DueAt, s.now) {
		s.move(t, runtime.PlaceReady)
		return
	}
	s.move(t, runtime.PlaceDelayed)
}
