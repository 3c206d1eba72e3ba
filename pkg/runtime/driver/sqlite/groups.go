package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// groupDraft is a group checked and encoded outside of the transaction.
type groupDraft struct {
	*runtime.Group
	done, failing any // encoded publications; nil: nothing is published
}

func newGroupDraft(g *runtime.Group) (*groupDraft, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	d := &groupDraft{Group: g}
	var err error
	if d.done, err = encodeCallback(g.Done); err != nil {
		return nil, err
	}
	d.failing, err = encodeCallback(g.Failed)
	return d, err
}

// callback is what a group publishes at its end, as it is stored. What the row
// of the task needs is taken out of the envelope at the opening: whoever closes
// the group may be an older version, which cannot read it.
type callback struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Queue      string          `json:"queue"`
	Priority   int             `json:"priority,omitempty"`
	Attempt    int             `json:"attempt,omitempty"`
	EnqueuedAt time.Time       `json:"enqueuedAt,omitzero"`
	NotBefore  time.Time       `json:"notBefore,omitzero"`
	ExpiresAt  time.Time       `json:"expiresAt,omitzero"`
	Visibility time.Duration   `json:"visibility,omitempty"`
	Group      string          `json:"group,omitempty"`
	Envelope   json.RawMessage `json:"envelope"`
}

// encodeCallback returns p as it is stored. Nobody would hear that the queue is
// full at the group's end, so its depth does not bind it.
func encodeCallback(p *runtime.Publication) (any, error) {
	if p == nil {
		return nil, nil
	}
	envelope, err := encode(p.Envelope)
	if err != nil {
		return nil, err
	}
	e := p.Envelope
	raw, err := json.Marshal(callback{
		ID: e.ID, Name: e.Name, Queue: e.Queue, Priority: e.Priority, Attempt: e.Attempt, EnqueuedAt: e.EnqueuedAt,
		NotBefore: p.NotBefore, ExpiresAt: p.ExpiresAt, Visibility: e.VisibilityTimeout, Group: p.Group, Envelope: envelope,
	})
	if err != nil {
		return nil, &runtime.Error{Code: runtime.CodeInvalid, Message: "encode the group's callback", Err: err}
	}
	return string(raw), nil
}

func (c *callback) draft() *taskDraft {
	return &taskDraft{id: c.ID, raw: c.Envelope, Publication: &runtime.Publication{
		Envelope: &runtime.Envelope{
			ID: c.ID, Name: c.Name, Queue: c.Queue, Priority: c.Priority, Attempt: c.Attempt,
			EnqueuedAt: c.EnqueuedAt, VisibilityTimeout: c.Visibility,
		},
		NotBefore: c.NotBefore, ExpiresAt: c.ExpiresAt, Group: c.Group,
	}}
}

func (s *step) openGroup(g *groupDraft) error {
	n, err := s.exec(`
INSERT INTO stem_groups (id, size, done, failing, deadline, keep) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		g.ID, len(g.Members), g.done, g.failing, micros(g.Deadline), keepFor(g.Keep))
	if err != nil || n == 0 {
		return err
	}
	for i, id := range g.Members {
		if _, err := s.exec(`INSERT INTO stem_members (group_id, task_id, position) VALUES (?, ?, ?)`, g.ID, id, i); err != nil {
			return err
		}
	}
	return nil
}

// countInGroup counts the end of t, the first one only, and closes the group
// with the last of its members.
func (s *step) countInGroup(t *task, end runtime.State) error {
	n, err := s.exec(`
UPDATE stem_members SET ended = ?3
WHERE group_id = ?1 AND task_id = ?2 AND ended = 0
  AND EXISTS (SELECT 1 FROM stem_groups WHERE id = ?1 AND closed IS NULL)`, t.group, t.id, stateNumber(end))
	if err != nil || n == 0 {
		return err
	}
	full := false
	_, err = one(s, countEnd[end], func(r row) { full = r.bool(0) }, t.group)
	if err != nil || !full {
		return err
	}
	return s.closeGroup(t.group)
}

var countEnd = map[runtime.State]string{
	runtime.StateSucceeded: countOne("succeeded"),
	runtime.StateFailed:    countOne("failed"),
	runtime.StateCancelled: countOne("cancelled"),
}

func countOne(column string) string {
	return `UPDATE stem_groups SET ` + column + ` = ` + column + ` + 1 WHERE id = ? RETURNING succeeded + failed + cancelled >= size`
}

// closeGroup publishes the group's callback. Its id is fixed by the producer,
// so one that is known already is not run again.
func (s *step) closeGroup(id string) error {
	var next string
	var keep int64
	_, err := one(s, `
UPDATE stem_groups SET closed = ?2, keep_until = ?2 + keep WHERE id = ?1 AND closed IS NULL
RETURNING CASE WHEN succeeded = size THEN done ELSE failing END, keep`, func(r row) { next, keep = r.str(0), r.int(1) }, id, s.now)
	if err != nil {
		return err
	}
	if next != "" {
		if err := s.publishCallback(id, next); err != nil {
			return err
		}
	}
	if keep < 0 {
		return s.forgetGroup(id)
	}
	return nil
}

// publishCallback never fails for what is stored: the step that closes a group
// is the end of its last member, or the housekeeping for all.
func (s *step) publishCallback(group, raw string) error {
	var c callback
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		return s.audit(runtime.AuditUnreadable, group, "", "", "the callback of the group: "+err.Error())
	}
	if c.Group != "" {
		member, err := s.isMember(c.Group, c.ID)
		if err != nil {
			return err
		}
		if !member {
			c.Group = "" // it would be refused, and nobody would hear of it
		}
	}
	_, err := s.commit(&draft{tasks: []taskDraft{*c.draft()}})
	return err
}

func (s *step) isMember(group, id string) (bool, error) {
	return one(s, `SELECT 1 FROM stem_members WHERE group_id = ? AND task_id = ?`, func(row) {}, group, id)
}

func (s *step) forgetGroup(id string) error {
	if _, err := s.exec(`DELETE FROM stem_members WHERE group_id = ?`, id); err != nil {
		return err
	}
	_, err := s.exec(`DELETE FROM stem_groups WHERE id = ?`, id)
	return err
}

// Group returns a group and a page of its members.
func (p results) Group(ctx context.Context, id string, from, n int) (runtime.GroupView, error) {
	v := runtime.GroupView{ID: id}
	err := p.read(ctx, "read group "+id, func(q session) error {
		found, err := one(q, `SELECT size, succeeded, failed, cancelled, closed, deadline FROM stem_groups WHERE id = ?`, func(r row) {
			v.Size, v.Succeeded, v.Failed, v.Cancelled = int(r.int(0)), int(r.int(1)), int(r.int(2)), int(r.int(3))
			v.Closed, v.ClosedAt, v.Deadline = r[4] != nil, r.time(4), r.time(5)
		}, id)
		if err != nil {
			return err
		}
		if !found {
			return runtime.Errorf(runtime.CodeNotFound, "there is no group "+id)
		}
		return q.query(`
SELECT m.task_id, `+recordColumns+`, t.body
FROM stem_members m LEFT JOIN stem_tasks t ON t.id = m.task_id
  LEFT JOIN stem_details d ON d.seq = t.seq LEFT JOIN stem_consumers c ON c.id = t.consumer
WHERE m.group_id = ? AND m.position >= ? ORDER BY m.position LIMIT ?`, func(r row) error {
			v.Members = append(v.Members, memberRecord(r))
			return nil
		}, id, max(from, 0), max(n, 0))
	})
	return v, err
}

// memberRecord reads a record behind the member's id; one of a task that is not
// known has nothing but that.
func memberRecord(r row) runtime.TaskRecord {
	if r[1] == nil {
		return runtime.TaskRecord{ID: r.str(0)}
	}
	rec := scanRecord(r[1:])
	rec.Body = r.bytes(len(r) - 1)
	return rec
}
