package memory

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// List pages through dead letters, oldest first.
func (p deadLetters) List(ctx context.Context, q runtime.DeadQuery) ([]runtime.DeadLetter, string, error) {
	from, err := parseCursor(q.Cursor, fromOldest)
	if err != nil {
		return nil, "", err
	}
	if err := p.enter(ctx); err != nil {
		return nil, "", err
	}
	defer p.exit()
	match := deadFilter(&q)
	pg := newPage[runtime.DeadLetter](q.Limit)
	p.dead.upwards(from, func(no uint64, t *task) bool {
		return !match(t) || pg.add(no, deadLetter(t))
	})
	return pg.items, pg.cursor(), nil
}

func deadLetter(t *task) runtime.DeadLetter {
	d := runtime.DeadLetter{Task: briefCopy(&t.TaskRecord), Body: bytes.Clone(t.Body)}
	if d.Envelope, d.Err = decode(t.raw); d.Err != nil {
		d.Raw = bytes.Clone(t.raw)
	}
	return d
}

// Count tells how many match.
func (p deadLetters) Count(ctx context.Context, q runtime.DeadQuery) (int64, error) {
	if err := p.enter(ctx); err != nil {
		return 0, err
	}
	defer p.exit()
	match := deadFilter(&q)
	var n int64
	p.dead.upwards(fromOldest, func(_ uint64, t *task) bool {
		if match(t) {
			n++
		}
		return true
	})
	return n, nil
}

func deadFilter(q *runtime.DeadQuery) func(*task) bool {
	text := lowerASCII(q.Text)
	return func(t *task) bool {
		return (q.Queue == "" || t.Queue == q.Queue) &&
			(q.Name == "" || t.Name == q.Name) &&
			(q.Reason == "" || t.Reason == q.Reason) &&
			(text == "" || strings.Contains(lowerASCII(t.Error), text)) &&
			(len(q.IDs) == 0 || slices.Contains(q.IDs, t.ID)) &&
			!t.FinishedAt.Before(q.Since) &&
			(q.Until.IsZero() || t.FinishedAt.Before(q.Until))
	}
}

// lowerASCII folds no more than a LIKE of a database does.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
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
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	out := make([]runtime.PublishResult, len(rs))
	for i := range rs {
		if out[i] = (runtime.PublishResult{Status: runtime.Invalid, ID: rs[i].TaskID, Err: errs[i]}); errs[i] == nil {
			out[i] = p.replay(&rs[i], next[i])
		}
	}
	return out, nil
}

func (s *store) replay(r *runtime.Replay, next []byte) runtime.PublishResult {
	t := s.task(r.TaskID)
	if t == nil || t.Place != runtime.PlaceDead {
		return runtime.PublishResult{Status: runtime.Exists, ID: r.TaskID}
	}
	if r.Next != nil {
		if err := t.staysIn(r.Next.Queue); err != nil {
			return runtime.PublishResult{Status: runtime.Invalid, ID: t.ID, Err: err}
		}
	}
	if c := s.liveClaim(t.UniqueKey); c != nil && c.owner != t.ID {
		return runtime.PublishResult{Status: runtime.Duplicate, ID: c.owner} // also a newer one that would have replaced it
	}
	if next != nil {
		t.adopt(r.Next, next)
	}
	s.auditTask(t, runtime.AuditReplay, r.By, r.Reason)
	s.revive(t, r.NotBefore)
	return runtime.PublishResult{Status: runtime.Accepted, ID: t.ID}
}

// revive begins a new life of a dead letter: what its old one has cost it is
// forgotten, also the time by which it should have begun.
func (s *store) revive(t *task, notBefore time.Time) {
	s.exhume(t)
	t.State, t.Reason, t.Error, t.Worker = runtime.StateQueued, "", "", ""
	t.FinishedAt, t.ExpiresAt, t.DueAt = time.Time{}, time.Time{}, notBefore.UTC()
	t.Losses = 0
	s.queue(t.Queue).stat.Enqueued++
	s.claimKey(t)
	s.lineUp(t)
}

// Purge removes dead letters for good.
func (p deadLetters) Purge(ctx context.Context, ids []string, by, reason string) (int, error) {
	if err := p.enter(ctx); err != nil {
		return 0, err
	}
	defer p.exit()
	n := 0
	for _, id := range ids {
		t := p.task(id)
		if t == nil || t.Place != runtime.PlaceDead {
			continue
		}
		p.auditTask(t, runtime.AuditPurge, by, reason)
		p.purge(t)
		n++
	}
	return n, nil
}

func (s *store) purge(t *task) {
	s.exhume(t)
	*s.queue(t.Queue).count(t.Place)--
	s.listed.remove(t.onListed)
	delete(s.known, t.ID)
}
