package memory

import (
	"context"
	"sort"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// liveLock returns the grant of key that has not run out, or nil.
func (s *store) liveLock(key string) *runtime.LockGrant {
	g := s.grants[key]
	if g == nil || passed(g.Until, s.now) {
		return nil
	}
	return g
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
	if g := p.liveLock(key); g != nil {
		return runtime.LockGrant{}, runtime.Errorf(runtime.CodeExists, "lock "+key+" is held by "+g.Owner)
	}
	p.lockFence++
	g := runtime.LockGrant{Key: key, Owner: owner, Fence: p.lockFence, Until: p.now.Add(ttl)}
	p.grants[key] = &g
	return g, nil
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
	held, err := p.heldLock(g)
	if err != nil {
		return runtime.LockGrant{}, err
	}
	held.Until = p.now.Add(ttl)
	return *held, nil
}

// Release frees the lock, if g still holds it.
func (p locks) Release(ctx context.Context, g runtime.LockGrant) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.exit()
	if _, err := p.heldLock(g); err != nil {
		return err
	}
	delete(p.grants, g.Key)
	return nil
}

func (s *store) heldLock(g runtime.LockGrant) (*runtime.LockGrant, error) {
	held := s.liveLock(g.Key)
	if held == nil || held.Fence != g.Fence || held.Owner != g.Owner {
		return nil, runtime.Errorf(runtime.CodeLeaseLost, "lock "+g.Key+" is no longer held by "+g.Owner)
	}
	return held, nil
}

// List returns live locks in the order of their keys, and forgets the others.
func (p locks) List(ctx context.Context, prefix string) ([]runtime.LockGrant, error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	var out []runtime.LockGrant
	for key, g := range p.grants {
		if passed(g.Until, p.now) {
			delete(p.grants, key)
		} else if strings.HasPrefix(key, prefix) {
			out = append(out, *g)
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
	if p.liveLock(key) == nil {
		return runtime.Errorf(runtime.CodeNotFound, "lock "+key+" is not held")
	}
	delete(p.grants, key)
	p.audit(runtime.AuditEntry{Action: runtime.AuditBreak, Subject: key, By: by, Reason: reason})
	return nil
}
