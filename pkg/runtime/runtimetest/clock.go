package runtimetest

import (
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Clock stands still until it is moved. The zero value stands at the year 1.
//
//   - Concurrency: safe for use by many goroutines.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at a time.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now returns where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Clock returns the function that options want.
func (c *Clock) Clock() runtime.Clock { return c.Now }
