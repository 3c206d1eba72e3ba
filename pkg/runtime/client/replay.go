package client

import (
	"strconv"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// PrepareReplay returns the envelope with which a dead letter goes back to
// work: attempt 0, due at once, never too late, one replay more on its count. The
// history of failed attempts stays, and so do the id and the ids of its links.
//
//   - Errors: ErrInvalid when the envelope could not be stored.
func (c *Client) PrepareReplay(e *runtime.Envelope) (*runtime.Envelope, error) {
	next := e.Clone()
	next.Attempt = 0
	next.NotBefore = time.Time{}
	delete(next.Meta, runtime.MetaExpiresAt)
	replays, err := strconv.Atoi(e.Headers[runtime.HeaderReplay])
	if err != nil {
		replays = 0 // absent, or not a count
	}
	if next.Headers == nil {
		next.Headers = map[string]string{}
	}
	next.Headers[runtime.HeaderReplay] = strconv.Itoa(replays + 1)
	return next, next.Validate()
}
