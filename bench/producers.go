package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// producers are goroutines that enqueue as fast as the system lets them.
type producers struct {
	count   int // goroutines
	batch   int // tasks a call
	backlog int // with so many confirmed tasks not run yet they wait; 0: they never wait
}

// run enqueues until the deadline and returns how many tasks were confirmed. They are numbered from zero
// without a gap: a call that fails ends the run.
func (p producers) run(ctx context.Context, r *trial, deadline time.Time) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next, confirmed atomic.Int64
	errs := make([]error, p.count)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			for time.Now().Before(deadline) && ctx.Err() == nil {
				if p.backlog > 0 && confirmed.Load()-r.tally.distinct.Load() > int64(p.backlog) {
					time.Sleep(time.Millisecond)
					continue
				}
				seq := int(next.Add(int64(p.batch))) - p.batch
				if errs[i] = r.system.Enqueue(ctx, newPayloads(seq, p.batch)); errs[i] != nil {
					cancel()
					return
				}
				confirmed.Add(int64(p.batch))
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, fmt.Errorf("enqueue: %w", err)
	}
	return int(confirmed.Load()), nil
}
