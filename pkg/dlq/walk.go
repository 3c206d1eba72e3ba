package dlq

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const pageSize = 200

// pacer spreads items over time so that no more than rate a second pass; 0 is
// as fast as it goes.
type pacer struct {
	rate  float64
	start time.Time
	done  int
}

// wait blocks until n more items may pass.
func (p *pacer) wait(ctx context.Context, n int) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	if p.start.IsZero() {
		p.start = time.Now()
	}
	due := p.start.Add(time.Duration(float64(p.done) / p.rate * float64(time.Second)))
	p.done += n
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// batchFor keeps batches short at low rates, so that a slow replay is even and
// stops soon when asked to.
func batchFor(rate float64) int {
	if rate <= 0 {
		return pageSize
	}
	return max(1, min(pageSize, int(rate/5)))
}

// each calls f for every page of dead letters that matches q and died before
// the walk began, so that what dies again meanwhile is not walked for ever.
//
// Items may leave the list while it is walked: the cursor is a position, not a
// count, so nothing is skipped.
func each(ctx context.Context, d runtime.DeadLetters, q runtime.DeadQuery, batch, limit int, f func([]runtime.DeadLetter) error) error {
	left := limit
	for {
		q.Limit = batch
		if limit > 0 {
			q.Limit = min(batch, left)
		}
		page, next, err := d.List(ctx, q)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			if err := f(page); err != nil {
				return err
			}
		}
		left -= len(page)
		if next == "" || limit > 0 && left <= 0 {
			return nil
		}
		q.Cursor = next
	}
}
