package runtime

import "time"

// Clock tells the time. Stores use their own clock for leases and due times;
// this one is for the parts of stem that only need "now", and for tests.
type Clock func() time.Time

// Now returns the clock's time in UTC; a nil Clock is the machine's.
func (c Clock) Now() time.Time {
	if c == nil {
		return time.Now().UTC()
	}
	return c().UTC()
}
