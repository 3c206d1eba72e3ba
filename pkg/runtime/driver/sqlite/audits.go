package sqlite

import (
	"context"
	"math"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// audit notes an act in the step that carries it out.
func (s *step) audit(action, subject, queue, by, reason string) error {
	return s.auditEntry(runtime.AuditEntry{Action: action, Subject: subject, Queue: queue, By: by, Reason: reason})
}

func (s *step) auditEntry(e runtime.AuditEntry) error {
	at := s.now
	if !e.At.IsZero() {
		at = e.At.UnixMicro()
	}
	_, err := s.exec(`INSERT INTO stem_audits (at, action, subject, queue, by, reason) VALUES (?, ?, ?, ?, ?, ?)`,
		at, e.Action, e.Subject, e.Queue, e.By, e.Reason)
	return err
}

// Append stores entries about acts elsewhere.
func (p audits) Append(ctx context.Context, es []runtime.AuditEntry) error {
	return p.write(ctx, "store audit entries", func(s *step) error {
		for _, e := range es {
			if err := s.auditEntry(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// List pages through entries, newest first.
func (p audits) List(ctx context.Context, q runtime.AuditQuery) ([]runtime.AuditEntry, string, error) {
	before, err := parseCursor(q.Cursor, math.MaxInt64)
	if err != nil {
		return nil, "", err
	}
	var f filter
	f.and("seq < ?", before)
	f.equal("action", q.Action)
	f.equal("subject", q.Subject)
	if !q.Since.IsZero() {
		f.and("at >= ?", q.Since.UnixMicro())
	}
	var out []runtime.AuditEntry
	var numbers []int64
	err = p.read(ctx, "list audit entries", func(s session) error {
		return s.query(`SELECT at, action, subject, queue, by, reason, seq FROM stem_audits`+f.where()+` ORDER BY seq DESC LIMIT ?`, func(r row) error {
			out = append(out, runtime.AuditEntry{
				At: r.time(0), Action: r.str(1), Subject: r.str(2), Queue: r.str(3), By: r.str(4), Reason: r.str(5),
			})
			numbers = append(numbers, r.int(6))
			return nil
		}, append(f.args, pageSize(q.Limit)+1)...)
	})
	items, next := page(out, numbers, q.Limit)
	return items, next, err
}
