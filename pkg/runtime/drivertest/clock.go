package drivertest

import (
	"sync"
	"time"
)

// Clock stands still until it is moved, so that a case about an hour takes no
// time. Its Now method is a [runtime.Clock]; a nil *Clock is the machine's.
//
//   - Concurrency: safe.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at the present second: whole, because
// stores differ in what they keep below a millisecond.
func NewClock() *Clock { return &Clock{now: time.Now().UTC().Truncate(time.Second)} }

// Now returns the time at which the clock stands.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now().UTC()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
