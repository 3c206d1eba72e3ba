package memory

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// claim is a unique key and the task that owns it. It ends with its owner,
// never by time, unless the owner asked for a hold after its end.
type claim struct {
	key, owner string
	until      time.Time // zero while the owner lives
	timer      int       // in store.holds
}

// contest finds out whether t may take its unique key. owner is the task that
// keeps it from doing so; replaced is the waiting owner that has to end first.
func (s *store) contest(t *task) (owner string, replaced *task) {
	if t.unique == nil {
		return "", nil
	}
	c := s.liveClaim(t.unique.Key)
	if c == nil || c.owner == t.ID {
		return "", nil
	}
	holder := s.task(c.owner)
	if t.unique.Mode != runtime.UniqueReplace || !c.until.IsZero() || holder.Place == runtime.PlaceLeased {
		return c.owner, nil
	}
	return "", holder
}

// liveClaim returns the claim of key, or nil when it is free.
func (s *store) liveClaim(key string) *claim {
	c := s.claims[key]
	if c == nil || !c.until.IsZero() && passed(c.until, s.now) {
		return nil
	}
	return c
}

// claimKey gives t its unique key, whoever had it before.
func (s *store) claimKey(t *task) {
	if t.unique == nil {
		return
	}
	if old := s.claims[t.unique.Key]; old != nil {
		s.dropClaim(old)
	}
	s.claims[t.unique.Key] = &claim{key: t.unique.Key, owner: t.ID}
}

// releaseKey frees the key of a task that has ended, now or after its hold.
func (s *store) releaseKey(t *task) {
	if t.unique == nil {
		return
	}
	c := s.claims[t.unique.Key]
	if c == nil || c.owner != t.ID {
		return
	}
	if t.unique.Hold <= 0 {
		s.dropClaim(c)
		return
	}
	c.until = s.now.Add(t.unique.Hold)
	s.holds.push(c)
}

func (s *store) dropClaim(c *claim) {
	s.holds.remove(c)
	delete(s.claims, c.key)
}
