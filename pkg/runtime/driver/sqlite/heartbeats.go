package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Beat stores the worker's latest heartbeat and forgets those that are over.
func (p heartbeats) Beat(ctx context.Context, h runtime.Heartbeat, ttl time.Duration) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return &runtime.Error{Code: runtime.CodeInvalid, Message: "encode heartbeat of " + h.WorkerID, Err: err}
	}
	return p.write(ctx, "store heartbeat", func(s *step) error {
		if _, err := s.exec(`DELETE FROM stem_heartbeats WHERE until <= ?`, s.now); err != nil {
			return err
		}
		_, err := s.exec(`INSERT OR REPLACE INTO stem_heartbeats (worker, incarnation, until, body) VALUES (?, ?, ?, ?)`,
			h.WorkerID, h.Incarnation, s.now+ttl.Microseconds(), string(raw))
		return err
	})
}

// List returns the live workers in the order of their ids. One whose heartbeat
// cannot be read does not hide the others, and is alive all the same.
func (p heartbeats) List(ctx context.Context) ([]runtime.Heartbeat, error) {
	var out []runtime.Heartbeat
	now := p.clock.Now().UnixMicro()
	err := p.read(ctx, "list workers", func(q session) error {
		return q.query(`SELECT worker, incarnation, body FROM stem_heartbeats WHERE until > ? ORDER BY worker`, func(r row) error {
			var h runtime.Heartbeat
			if json.Unmarshal([]byte(r.str(2)), &h) != nil {
				h = runtime.Heartbeat{WorkerID: r.str(0), Incarnation: r.str(1)}
			}
			out = append(out, h)
			return nil
		}, now)
	})
	return out, err
}

// Leave removes a worker that stops, unless a newer start of it has taken over.
func (p heartbeats) Leave(ctx context.Context, c runtime.Consumer) error {
	return p.write(ctx, "remove heartbeat", func(s *step) error {
		_, err := s.exec(`DELETE FROM stem_heartbeats WHERE worker = ? AND incarnation = ?`, c.Worker, c.Incarnation)
		return err
	})
}
