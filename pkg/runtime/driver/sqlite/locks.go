package sqlite

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Acquire takes key for owner. The fence is the row number, so that it grows
// with each holder, also over the times when nobody holds the lock.
func (p locks) Acquire(ctx context.Context, key, owner string, ttl time.Duration) (runtime.LockGrant, error) {
	if err := checkLock(key, owner, ttl); err != nil {
		return runtime.LockGrant{}, err
	}
	return write(ctx, p.store, "acquire lock "+key, func(s *step) (runtime.LockGrant, error) {
		g := runtime.LockGrant{Key: key, Owner: owner, Until: fromMicros(s.now + ttl.Microseconds())}
		var holder string
		held, err := one(s, `SELECT owner FROM stem_locks WHERE key = ? AND until > ?`, func(r row) { holder = r.str(0) }, key, s.now)
		if err != nil {
			return g, err
		}
		if held {
			return g, runtime.Errorf(runtime.CodeExists, "lock "+key+" is held by "+holder)
		}
		if _, err := s.exec(`DELETE FROM stem_locks WHERE until <= ?`, s.now); err != nil {
			return g, err
		}
		_, err = one(s, `INSERT INTO stem_locks (key, owner, until) VALUES (?, ?, ?) RETURNING fence`, func(r row) {
			g.Fence = uint64(r.int(0))
		}, key, owner, g.Until.UnixMicro())
		return g, err
	})
}

func checkLock(key, owner string, ttl time.Duration) error {
	if err := runtime.CheckID("lock key", key); err != nil {
		return err
	}
	if owner == "" {
		return runtime.Errorf(runtime.CodeInvalid, "lock "+key+": the owner is empty")
	}
	if ttl <= 0 {
		return runtime.Errorf(runtime.CodeInvalid, "lock "+key+": the time to live is not positive")
	}
	return nil
}

// A grant holds while its row is there and its time has not passed.
const ofGrant = ` WHERE key = ? AND owner = ? AND fence = ? AND until > ?`

// Renew extends a grant that still holds.
func (p locks) Renew(ctx context.Context, g runtime.LockGrant, ttl time.Duration) (runtime.LockGrant, error) {
	return write(ctx, p.store, "renew lock "+g.Key, func(s *step) (runtime.LockGrant, error) {
		renewed := g
		renewed.Until = fromMicros(s.now + ttl.Microseconds())
		n, err := s.exec(`UPDATE stem_locks SET until = ?`+ofGrant, renewed.Until.UnixMicro(), g.Key, g.Owner, int64(g.Fence), s.now)
		return renewed, stillHeld(n, g, err)
	})
}

// Release frees the lock, if g still holds it.
func (p locks) Release(ctx context.Context, g runtime.LockGrant) error {
	return p.write(ctx, "release lock "+g.Key, func(s *step) error {
		n, err := s.exec(`DELETE FROM stem_locks`+ofGrant, g.Key, g.Owner, int64(g.Fence), s.now)
		return stillHeld(n, g, err)
	})
}

func stillHeld(rows int64, g runtime.LockGrant, err error) error {
	if err == nil && rows == 0 {
		return runtime.Errorf(runtime.CodeLeaseLost, "lock "+g.Key+" is no longer held by "+g.Owner)
	}
	return err
}

// List returns live locks in the order of their keys.
func (p locks) List(ctx context.Context, prefix string) ([]runtime.LockGrant, error) {
	var out []runtime.LockGrant
	now := p.clock.Now().UnixMicro()
	err := p.read(ctx, "list locks", func(q session) error {
		return q.query(`
SELECT key, owner, fence, until FROM stem_locks WHERE substr(key, 1, length(?1)) = ?1 AND until > ?2 ORDER BY key`, func(r row) error {
			out = append(out, runtime.LockGrant{Key: r.str(0), Owner: r.str(1), Fence: uint64(r.int(2)), Until: r.time(3)})
			return nil
		}, prefix, now)
	})
	return out, err
}

// Break frees a lock against its owner's will.
func (p locks) Break(ctx context.Context, key, by, reason string) error {
	return p.write(ctx, "break lock "+key, func(s *step) error {
		n, err := s.exec(`DELETE FROM stem_locks WHERE key = ? AND until > ?`, key, s.now)
		if err != nil {
			return err
		}
		if n == 0 {
			return runtime.Errorf(runtime.CodeNotFound, "lock "+key+" is not held")
		}
		return s.audit(runtime.AuditBreak, key, "", by, reason)
	})
}
