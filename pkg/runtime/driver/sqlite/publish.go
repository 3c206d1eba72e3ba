package sqlite

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
	if len(d.groups) == 0 && len(d.tasks) == 0 {
		return nil, ctx.Err()
	}
	return write(ctx, b.store, "publish tasks", func(s *step) ([]runtime.PublishResult, error) { return s.commit(d) })
}

// draft is effects made ready outside of the transaction: checked and encoded.
type draft struct {
	groups []*groupDraft
	tasks  []taskDraft
}

type taskDraft struct {
	*runtime.Publication
	id  string
	raw []byte
	err error
}

// newDraft fails when a group is wrong, for a group has no result of its own;
// a wrong publication only spoils itself.
func newDraft(e *runtime.Effects) (*draft, error) {
	d := &draft{}
	if e == nil {
		return d, nil
	}
	for i := range e.Groups {
		g, err := newGroupDraft(&e.Groups[i])
		if err != nil {
			return nil, err
		}
		d.groups = append(d.groups, g)
	}
	d.tasks = make([]taskDraft, len(e.Publish))
	for i := range e.Publish {
		d.tasks[i] = newTaskDraft(&e.Publish[i])
	}
	return d, nil
}

func newTaskDraft(p *runtime.Publication) taskDraft {
	d := taskDraft{Publication: p}
	if p.Envelope != nil {
		d.id = p.Envelope.ID
	}
	if d.err = p.Validate(); d.err == nil {
		d.raw, d.err = encode(p.Envelope)
	}
	return d
}

func encode(e *runtime.Envelope) ([]byte, error) {
	return e.AppendJSON(make([]byte, 0, 288+len(e.Args)+64*(len(e.Headers)+len(e.Meta))))
}

func decode(raw []byte) (*runtime.Envelope, error) {
	var e runtime.Envelope
	if err := e.UnmarshalJSON(raw); err != nil {
		return nil, err
	}
	return &e, nil
}

// commit stores a draft: groups before their members.
func (s *step) commit(d *draft) ([]runtime.PublishResult, error) {
	for _, g := range d.groups {
		if err := s.openGroup(g); err != nil {
			return nil, err
		}
	}
	ordered, err := s.hasOrders()
	if err != nil {
		return nil, err
	}
	out := make([]runtime.PublishResult, len(d.tasks))
	for i := 0; i < len(d.tasks); i++ {
		if rows := plainRows(d.tasks[i:]); rows != nil && !ordered {
			if err := s.publishRows(rows, out[i:]); err != nil {
				return nil, err
			}
			i += len(rows) - 1
			continue
		}
		if out[i], err = s.publish(&d.tasks[i]); err != nil {
			return nil, err
		}
		if ordered && out[i].Status == runtime.Accepted {
			if err := s.obey(d.tasks[i].id); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// publish stores one task, unless it is wrong, known, barred by its unique key
// or too many for its queue.
func (s *step) publish(d *taskDraft) (runtime.PublishResult, error) {
	if d.err != nil {
		return runtime.PublishResult{Status: runtime.Invalid, ID: d.id, Err: d.err}, nil
	}
	if d.Group != "" || d.Unique != nil || d.MaxDepth > 0 {
		barred, err := s.barred(d)
		if err != nil || barred.Status != 0 {
			return barred, err
		}
	}
	stored, err := s.insert(d)
	if err != nil {
		return runtime.PublishResult{}, err
	}
	if !stored {
		return runtime.PublishResult{Status: runtime.Exists, ID: d.id}, nil
	}
	if d.Unique != nil {
		err = s.claimKey(d.Unique.Key, d.id)
	}
	return runtime.PublishResult{Status: runtime.Accepted, ID: d.id}, err
}

// barred finds what keeps a task that asks for more than a place in the line
// out of the store: known, no member of its group, not unique, too many. A
// status of 0 is nothing. Nothing changes before all four are settled.
func (s *step) barred(d *taskDraft) (runtime.PublishResult, error) {
	var none runtime.PublishResult
	known, err := one(s, `SELECT 1 FROM stem_tasks WHERE id = ?`, func(row) {}, d.id)
	if err != nil {
		return none, err
	}
	if known {
		return runtime.PublishResult{Status: runtime.Exists, ID: d.id}, nil
	}
	if d.Group != "" {
		member, err := s.isMember(d.Group, d.id)
		if err != nil {
			return none, err
		}
		if !member {
			err := runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("task %s is no member of group %s", d.id, d.Group))
			return runtime.PublishResult{Status: runtime.Invalid, ID: d.id, Err: err}, nil
		}
	}
	owner, replaced, err := s.contest(d.Unique, d.id)
	if err != nil {
		return none, err
	}
	if owner != "" {
		return runtime.PublishResult{Status: runtime.Duplicate, ID: owner}, nil
	}
	if d.MaxDepth > 0 {
		depth, err := s.depthWithout(replaced, d.Envelope.Queue)
		if err != nil {
			return none, err
		}
		if depth >= int64(d.MaxDepth) {
			return runtime.PublishResult{Status: runtime.Full, ID: d.id}, nil
		}
	}
	if replaced == nil {
		return none, nil
	}
	return none, s.end(replaced, ending{state: runtime.StateCancelled, reason: runtime.ReasonReplaced})
}

func (s *step) depthWithout(replaced *task, queue string) (int64, error) {
	depth, err := s.depth(queue)
	if replaced != nil && replaced.queue == queue && replaced.place != placeParked {
		depth--
	}
	return depth, err
}

// Most tasks have nothing but a place in the line: they get the statement with
// fewer values to bind.
var (
	insertPlain = sqlText(`
INSERT INTO stem_tasks (id, name, queue, priority, place, state, attempt, enqueued, updated, envelope)
VALUES (?, ?, ?, ?, #ready, #queued, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`)

	insertTask = sqlText(`
INSERT INTO stem_tasks (id, name, queue, priority, place, state, attempt, enqueued, updated, envelope, flags, due)
VALUES (?, ?, ?, ?, ?, #queued, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`)
)

const insertDetails = `
INSERT INTO stem_details (seq, visibility, expires, expiry, unique_key, unique_hold, group_id)
VALUES (last_insert_rowid(), ?, ?, ?, ?, ?, ?)`

// insert stores a task that nothing bars, unless its id is known.
func (s *step) insert(d *taskDraft) (stored bool, err error) {
	e, at, f := d.Envelope, placeReady, d.flags()
	enqueued := s.enqueuedAt(e)
	var n int64
	if f == 0 && d.NotBefore.IsZero() {
		n, err = s.exec(insertPlain, d.id, e.Name, e.Queue, e.Priority, e.Attempt, enqueued, s.now, d.raw)
	} else {
		if d.NotBefore.UnixMicro() > s.now {
			at = placeDelayed
		}
		n, err = s.exec(insertTask, d.id, e.Name, e.Queue, e.Priority, at, e.Attempt, enqueued, s.now, d.raw, f, micros(d.NotBefore))
	}
	if err != nil || n == 0 {
		return false, err
	}
	s.count(e.Queue, 0, at, 1)
	s.queue(e.Queue).enqueued++
	if f == 0 {
		return true, nil
	}
	return true, s.insertDetails(d)
}

// enqueuedAt is when the producer says that it was.
func (s *step) enqueuedAt(e *runtime.Envelope) int64 {
	if e.EnqueuedAt.IsZero() {
		return s.now
	}
	return e.EnqueuedAt.UnixMicro()
}

func (s *step) insertDetails(d *taskDraft) error {
	var key, hold any
	if d.Unique != nil {
		key, hold = d.Unique.Key, span(d.Unique.Hold)
	}
	expires := micros(d.ExpiresAt)
	_, err := s.exec(insertDetails, span(d.Envelope.VisibilityTimeout), expires, expires, key, hold, text(d.Group))
	return err
}

// flags tell what makes a task more than a plain one.
func (d *taskDraft) flags() (f flags) {
	if d.Unique != nil {
		f |= flagUnique | flagDetails
	}
	if d.Group != "" {
		f |= flagGroup | flagDetails
	}
	if !d.ExpiresAt.IsZero() || d.Envelope.VisibilityTimeout > 0 {
		f |= flagDetails
	}
	return f
}
