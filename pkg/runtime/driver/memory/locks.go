package memory

import (
	"context"
	"sort"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// lock is a grant in force.
type lock struct {
	runtime.LockGrant
	timer int // in store.lockExpiry
}

// liveLock returns the lock of key, or nil when nobody holds it.
func (s *store) liveLock(key string) *lock {
	l := s.held[key]
	if l == nil || passed(l.Until, s.now) {
		return nil
	}
	return l
}

func (s *store) dropLock(l *lock) {
	s.lockExpiry.remove(l)
	delete(s.held, l.Key)
}

// Acquire takes key for owner. One number for all locks makes the fence of each
// grow, also over the times when nobody holds it.
func (p locks) Acquire(ctx context.Context, key, owner string, ttl time.Duration) (runtime.LockGrant, error) {
	if err := checkLock(key, owner, ttl); err != nil {
		return runtime.LockGrant{}, err
	}
	if err := p.enter(ctx); err != nil {
		return runtime.LockGrant{}, err
	}
	defer p.exit()
	if l := p.liveLock(key); l != nil {
		return runtime.LockGrant{}, runtime.Errorf(runtime.CodeExists, "lock "+key+" is held by "+l.Owner)
	}
	if over := p.held[key]; over != nil {
		p.dropLock(over)
	}
	p.lockFence++
	l := &lock{LockGrant: runtime.LockGrant{Key: key, Owner: owner, Fence: p.lockFence, Until: p.now.Add(ttl)}}
	p.held[key] = l
	p.lockExpiry.push(l)
	return l.LockGrant, nil
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

// Renew extends a grant that still holds.
func (p locks) Renew(ctx context.Context, g runtime.LockGrant, ttl time.Duration) (runtime.LockGrant, error) {
	if err := p.enter(ctx); err != nil {
		return runtime.LockGrant{}, err
	}
	defer p.exit()
	l, err := p.lockOf(g)
	if err != nil {
		return runtime.LockGrant{}, err
	}
	l.Until = p.now.Add(ttl)
	p.lockExpiry.fix(l)
	return l.LockGrant, nil
}

// Release frees the lock, if g still holds it.
func (p locks) Release(ctx context.Context, g runtime.LockGrant) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.exit()
	l, err := p.lockOf(g)
	if err != nil {
		return err
	}
	p.dropLock(l)
	return nil
}

// lockOf returns the lock that g still holds.
func (s *store) lockOf(g runtime.LockGrant) (*lock, error) {
	l := s.liveLock(g.Key)
	if l == nil || l.Fence != g.Fence || l.Owner != g.Owner {
		return nil, runtime.Errorf(runtime.CodeLeaseLost, "lock "+g.Key+" is no longer held by "+g.Owner)
	}
	return l, nil
}

// List returns live locks in the order of their keys.
func (p locks) List(ctx context.Context, prefix string) ([]runtime.LockGrant, error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	var out []runtime.LockGrant
	for key := range p.held {
		if l := p.liveLock(key); l != nil && strings.HasPrefix(key, prefix) {
			out = append(out, l.LockGrant)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out, nil
}

// Break frees a lock against its owner's will.
func (p locks) Break(ctx context.Context, key, by, reason string) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.exit()
	l := p.liveLock(key)
	if l == nil {
		return runtime.Errorf(runtime.CodeNotFound, "lock "+key+" is not held")
	}
	p.dropLock(l)
	p.audit(runtime.AuditEntry{Action: runtime.AuditBreak, Subject: key, By: by, Reason: reason})
	return nil
}
