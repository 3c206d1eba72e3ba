package memory

import (
	"bytes"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// task is all the store knows about one task. The record is what operators
// see; the rest is what the store needs to keep its promises.
type task struct {
	runtime.TaskRecord

	entry *entry // under which it is known
	seq   uint64 // when it became known; its place in the line for life
	raw   []byte // the encoded envelope

	unique     *runtime.Unique
	maxDepth   int
	visibility time.Duration

	// While it is in a worker's hands.
	holder     *holder
	fence      uint64
	leaseUntil time.Time
	acked      bool                // at most once: a crash fails it
	started    bool                // known to have begun in this hand-out
	inTime     bool                // handed out before it expired, so it expires no more
	revoked    *runtime.Revocation // its end has been ordered

	uses  []runtime.LimitUse // what it asked for when it was last admitted
	paid  bool               // its rates are booked
	slots []*limit           // whose slots it occupies

	// Where it is kept: one list at most and one agenda of its place at most,
	// besides the agenda of expiries; and where it stands on the shelves.
	in         *list
	prev, next *task
	timer      int
	expiry     int
	onListed   spot[*task]
	onDead     spot[*task]
}

// newTask checks a publication and encodes it, so that nothing the caller does
// to it later can change what is stored.
func newTask(p *runtime.Publication) (*task, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	t := &task{maxDepth: p.MaxDepth}
	if err := t.setEnvelope(p.Envelope); err != nil {
		return nil, err
	}
	t.ID, t.Queue, t.Group = p.Envelope.ID, p.Envelope.Queue, p.Group
	t.EnqueuedAt = p.Envelope.EnqueuedAt.UTC()
	t.DueAt, t.ExpiresAt = p.NotBefore.UTC(), p.ExpiresAt.UTC()
	if p.Unique != nil {
		u := *p.Unique
		t.unique, t.UniqueKey = &u, u.Key
	}
	return t, nil
}

func (t *task) setEnvelope(e *runtime.Envelope) error {
	raw, err := encode(e)
	if err != nil {
		return err
	}
	t.adopt(e, raw)
	return nil
}

// adopt makes e, encoded as raw, the envelope of t. Id and queue are for life.
func (t *task) adopt(e *runtime.Envelope, raw []byte) {
	t.raw = raw
	t.Name, t.Priority, t.Attempt, t.visibility = e.Name, e.Priority, e.Attempt, e.VisibilityTimeout
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

// overdue reports whether t has expired: it was not handed out in time.
func (t *task) overdue(now time.Time) bool {
	return !t.inTime && !t.ExpiresAt.IsZero() && passed(t.ExpiresAt, now)
}

// fullCopy returns a copy of a record that is the caller's own.
func fullCopy(r *runtime.TaskRecord) runtime.TaskRecord {
	c := *r
	c.Data, c.Body = bytes.Clone(r.Data), bytes.Clone(r.Body)
	return c
}

// briefCopy returns a copy without the body, for lists.
func briefCopy(r *runtime.TaskRecord) runtime.TaskRecord {
	c := *r
	c.Data, c.Body = bytes.Clone(r.Data), nil
	return c
}
