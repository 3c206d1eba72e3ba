package dlq

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Export calls f with every dead letter that matches q, oldest first, until f
// returns an error or limit (0: none) is reached.
//
//   - Errors: those of f and of the store.
func Export(ctx context.Context, d runtime.DeadLetters, q runtime.DeadQuery, limit int, f func(runtime.DeadLetter) error) error {
	if q.Until.IsZero() {
		q.Until = time.Now()
	}
	return each(ctx, d, q, pageSize, limit, func(page []runtime.DeadLetter) error {
		for _, letter := range page {
			if err := f(letter); err != nil {
				return err
			}
		}
		return nil
	})
}
