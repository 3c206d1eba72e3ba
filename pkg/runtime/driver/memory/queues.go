package memory

import (
	"context"
	"slices"
	"sort"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Stats returns the numbers that every move keeps up to date.
func (p queues) Stats(ctx context.Context, names []string) ([]runtime.QueueStat, error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	if names == nil {
		names = p.queueNames()
	}
	out := make([]runtime.QueueStat, len(names))
	for i, name := range names {
		out[i].Queue = name
		if q := p.store.queues[name]; q != nil {
			out[i] = q.stat
			out[i].OldestReady = q.oldestReady()
		}
	}
	return out, nil
}

// queueNames lists the queues that have ever had a task; one that somebody
// merely listens to is none.
func (s *store) queueNames() []string {
	names := []string{}
	for name, q := range s.queues {
		if q.stat.Enqueued > 0 {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// List pages through unfinished tasks and dead letters, oldest first.
func (p queues) List(ctx context.Context, q runtime.TaskQuery) ([]runtime.TaskRecord, string, error) {
	from, err := parseCursor(q.Cursor, fromOldest)
	if err != nil {
		return nil, "", err
	}
	if err := p.enter(ctx); err != nil {
		return nil, "", err
	}
	defer p.exit()
	pg := newPage[runtime.TaskRecord](q.Limit)
	p.listed.upwards(from, func(no uint64, t *task) bool {
		return !matches(&q, &t.TaskRecord) || pg.add(no, briefCopy(&t.TaskRecord))
	})
	return pg.items, pg.cursor(), nil
}

func matches(q *runtime.TaskQuery, t *runtime.TaskRecord) bool {
	return (q.Queue == "" || t.Queue == q.Queue) &&
		(q.Name == "" || t.Name == q.Name) &&
		(len(q.States) == 0 || slices.Contains(q.States, t.State)) &&
		(len(q.Places) == 0 || slices.Contains(q.Places, t.Place)) &&
		!t.EnqueuedAt.Before(q.Since) &&
		(q.Until.IsZero() || t.EnqueuedAt.Before(q.Until))
}

// Locate tells where a task is and behind what it waits.
func (p queues) Locate(ctx context.Context, id string) (runtime.Location, error) {
	if err := p.enter(ctx); err != nil {
		return runtime.Location{}, err
	}
	defer p.exit()
	r := p.stored(id)
	if r == nil {
		return runtime.Location{}, errNoTask(id)
	}
	at := runtime.Location{Task: briefCopy(r)}
	if c := p.liveClaim(r.UniqueKey); c != nil && c.owner != id {
		at.Owner = c.owner
	}
	if t := p.task(id); t != nil {
		p.locate(&at, t)
	}
	return at, nil
}

// locate fills in what an unfinished task waits for.
func (s *store) locate(at *runtime.Location, t *task) {
	if t.Place == runtime.PlaceReady {
		at.Ahead = s.queue(t.Queue).before(t)
	}
	if l := s.limits[t.LimitKey]; l != nil {
		at.Limit, at.Holders = l.numbers(l.declared), l.holderList()
		if t.Place == runtime.PlaceWaiting {
			at.Position = l.waiting.position(t)
		}
	}
	if t.revoked != nil {
		r := *t.revoked
		at.Revoked = &r
	}
}

// Envelope returns the task's envelope as it is stored now.
func (p queues) Envelope(ctx context.Context, id string) (*runtime.Envelope, error) {
	raw, err := p.rawOf(ctx, id)
	if err != nil {
		return nil, err
	}
	return decode(raw)
}

func (p queues) rawOf(ctx context.Context, id string) ([]byte, error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	t := p.task(id)
	if t == nil {
		return nil, errNoTask(id)
	}
	return t.raw, nil
}

func errNoTask(id string) error {
	return runtime.Errorf(runtime.CodeNotFound, "there is no task "+id)
}
