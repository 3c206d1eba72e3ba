package memory

import (
	"context"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// audit notes an act in the step that carries it out.
func (s *store) audit(e runtime.AuditEntry) {
	if e.At.IsZero() {
		e.At = s.now
	}
	s.seq++
	a := &act{AuditEntry: e}
	a.on = s.acts.put(s.seq, a)
	s.actKeeps.push(a)
}

// act is an audit entry and where it is kept.
type act struct {
	runtime.AuditEntry
	on    spot[*act]
	timer int // in store.actKeeps
}

func (s *store) dropAct(a *act) {
	s.actKeeps.remove(a)
	s.acts.remove(a.on)
}

func (s *store) auditTask(t *task, action, by, reason string) {
	s.audit(runtime.AuditEntry{Action: action, Subject: t.ID, Queue: t.Queue, By: by, Reason: reason})
}

// Append stores entries about acts elsewhere.
func (p audits) Append(ctx context.Context, es []runtime.AuditEntry) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.exit()
	for _, e := range es {
		p.audit(e)
	}
	return nil
}

// List pages through entries, newest first.
func (p audits) List(ctx context.Context, q runtime.AuditQuery) ([]runtime.AuditEntry, string, error) {
	from, err := parseCursor(q.Cursor, fromNewest)
	if err != nil {
		return nil, "", err
	}
	if err := p.enter(ctx); err != nil {
		return nil, "", err
	}
	defer p.exit()
	pg := newPage[runtime.AuditEntry](q.Limit)
	p.acts.downwards(from, func(no uint64, a *act) bool {
		e := a.AuditEntry
		skip := q.Action != "" && e.Action != q.Action ||
			q.Subject != "" && e.Subject != q.Subject ||
			e.At.Before(q.Since)
		return skip || pg.add(no, e)
	})
	return pg.items, pg.cursor(), nil
}
