package sqlite

import (
	"context"
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// List pages through dead letters, oldest first.
func (p deadLetters) List(ctx context.Context, q runtime.DeadQuery) ([]runtime.DeadLetter, string, error) {
	after, err := parseCursor(q.Cursor, 0)
	if err != nil {
		return nil, "", err
	}
	var f filter
	f.and("t.end_no > ?", after)
	f.dead(&q)
	var out []runtime.DeadLetter
	var numbers []int64
	query := `SELECT ` + recordColumns + `, t.end_no, t.body, t.envelope` + taskTables + f.where() + ` ORDER BY t.end_no LIMIT ?`
	err = p.read(ctx, "list dead letters", func(s session) error {
		return s.query(query, func(r row) error {
			out = append(out, deadLetter(r))
			numbers = append(numbers, r.int(recordWidth))
			return nil
		}, append(f.args, pageSize(q.Limit)+1)...)
	})
	items, next := page(out, numbers, q.Limit)
	return items, next, err
}

func deadLetter(r row) runtime.DeadLetter {
	d := runtime.DeadLetter{Task: scanRecord(r), Body: r.bytes(recordWidth + 1)}
	raw := r.bytes(recordWidth + 2)
	if d.Envelope, d.Err = decode(raw); d.Err != nil {
		d.Raw = raw
	}
	return d
}

// Count tells how many match.
func (p deadLetters) Count(ctx context.Context, q runtime.DeadQuery) (int64, error) {
	var f filter
	f.dead(&q)
	var n int64
	err := p.read(ctx, "count dead letters", func(s session) error {
		_, err := one(s, `SELECT count(*) FROM stem_tasks t LEFT JOIN stem_details d ON d.seq = t.seq`+f.where(), func(r row) { n = r.int(0) }, f.args...)
		return err
	})
	return n, err
}

// Replay puts dead letters back into their queues.
func (p deadLetters) Replay(ctx context.Context, rs []runtime.Replay) ([]runtime.PublishResult, error) {
	next := make([][]byte, len(rs))
	errs := make([]error, len(rs))
	for i, r := range rs {
		if r.Next != nil {
			next[i], errs[i] = encodeNext(r.Next, r.TaskID)
		}
	}
	return write(ctx, p.store, "replay dead letters", func(s *step) ([]runtime.PublishResult, error) {
		out := make([]runtime.PublishResult, len(rs))
		for i := range rs {
			if errs[i] != nil {
				out[i] = runtime.PublishResult{Status: runtime.Invalid, ID: rs[i].TaskID, Err: errs[i]}
				continue
			}
			var err error
			if out[i], err = s.replay(&rs[i], next[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

func (s *step) replay(r *runtime.Replay, next []byte) (runtime.PublishResult, error) {
	t, err := s.taskOf(r.TaskID)
	if err != nil {
		return runtime.PublishResult{}, err
	}
	if t == nil || t.place != placeDead {
		return runtime.PublishResult{Status: runtime.Exists, ID: r.TaskID}, nil
	}
	if r.Next != nil && r.Next.Queue != t.queue {
		err := runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("replay %s: it cannot move from queue %s to %s", t.id, t.queue, r.Next.Queue))
		return runtime.PublishResult{Status: runtime.Invalid, ID: t.id, Err: err}, nil
	}
	var owner string
	if _, err := s.claimOf(t.uniqueKey, &owner); err != nil {
		return runtime.PublishResult{}, err
	}
	if owner != "" && owner != t.id {
		return runtime.PublishResult{Status: runtime.Duplicate, ID: owner}, nil // also a newer one that would have replaced it
	}
	if next != nil {
		if err := s.adopt(t, r.Next, next); err != nil {
			return runtime.PublishResult{}, err
		}
	}
	if err := s.audit(runtime.AuditReplay, t.id, t.queue, r.By, r.Reason); err != nil {
		return runtime.PublishResult{}, err
	}
	return runtime.PublishResult{Status: runtime.Accepted, ID: t.id}, s.revive(t, micros(r.NotBefore))
}

// revive begins a new life of a dead letter: what its old one has cost it is
// forgotten, also the time by which it should have begun.
func (s *step) revive(t *task, due any) error {
	if err := s.keepEnds(); err != nil {
		return err
	}
	t.state = int64(stateNumber(runtime.StateQueued))
	t.reason, t.error, t.worker, t.endNo = nil, nil, nil, nil
	t.due, t.losses, t.expires, t.expiry = due, 0, nil, nil
	if t.uniqueKey != "" {
		if err := s.claimKey(t.uniqueKey, t.id); err != nil {
			return err
		}
	}
	s.queue(t.queue).enqueued++
	s.line(t)
	return s.save(t)
}

// Purge removes dead letters for good.
func (p deadLetters) Purge(ctx context.Context, ids []string, by, reason string) (int, error) {
	return write(ctx, p.store, "purge dead letters", func(s *step) (int, error) {
		n := 0
		for _, id := range ids {
			purged, err := s.purge(id, by, reason)
			if err != nil {
				return 0, err
			}
			if purged {
				n++
			}
		}
		return n, nil
	})
}

func (s *step) purge(id, by, reason string) (bool, error) {
	t, err := s.taskOf(id)
	if err != nil || t == nil || t.place != placeDead {
		return false, err
	}
	if err := s.audit(runtime.AuditPurge, t.id, t.queue, by, reason); err != nil {
		return false, err
	}
	s.count(t.queue, placeDead, 0, 1)
	return true, s.forget(t.seq)
}
