package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// maxBackoff bounds the wait between two tries to reach the store.
const maxBackoff = 2 * time.Second

// store publishes, and repeats a bounded number of times while the store cannot
// be reached: an id that got there before the reply was lost answers Exists.
func (c *Client) store(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
	if c.backend.Broker == nil {
		return nil, runtime.Errorf(runtime.CodeUnsupported, "this store has no broker")
	}
	backoff := runtime.RetryPolicy{Backoff: c.o.Backoff, Cap: maxBackoff}
	for attempt := 0; ; attempt++ {
		results, err := c.backend.Broker.Publish(ctx, e)
		if err == nil && len(results) != len(e.Publish) {
			return nil, fmt.Errorf("the store answered %d results for %d tasks", len(results), len(e.Publish))
		}
		if err == nil || attempt >= c.o.Retries || !errors.Is(err, runtime.ErrUnavailable) {
			return results, err
		}
		if !wait(ctx, backoff.Delay(attempt, rand.Float64())) {
			return nil, err
		}
	}
}

// wait reports whether d passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
