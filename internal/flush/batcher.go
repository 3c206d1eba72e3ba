package flush

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// DefaultMax is how many items a flush takes when Batcher.Max is zero.
const DefaultMax = 500

// Batcher groups concurrent calls of Do. Set the fields before the first call.
//
//   - Flush carries out the batches, one at a time, and returns a result for
//     each item, in order. An error is the result of every item.
//   - Max bounds a batch (0: DefaultMax).
//   - Concurrency: safe for use by many goroutines. A goroutine of its own runs
//     only while there are batches to flush; there is nothing to close.
type Batcher[T, R any] struct {
	Flush func(ctx context.Context, items []T) ([]R, error)
	Max   int

	mu      sync.Mutex
	busy    bool           // a flush is under way
	waiting []*batch[T, R] // all full but the last, which is being filled
}

// Do hands in one item and returns its result.
//
//   - A caller who finds nothing under way flushes the item itself, with its own
//     context: a program that does one thing at a time has no other goroutine in
//     between.
//   - A caller whose ctx ends leaves with ctx.Err(). Its item is withdrawn if it
//     had not been sent; otherwise what became of it is not known. A flush for
//     which nobody waits any more is cancelled.
//   - Errors: what Flush returns; ctx.Err().
func (b *Batcher[T, R]) Do(ctx context.Context, item T) (R, error) {
	if err := ctx.Err(); err != nil {
		var none R
		return none, err
	}
	b.mu.Lock()
	if !b.busy {
		b.busy = true
		b.mu.Unlock()
		defer b.next()
		return b.alone(ctx, item)
	}
	mine, i := b.join(item)
	b.mu.Unlock()

	select {
	case <-mine.done:
		return mine.result(i)
	case <-ctx.Done():
		b.leave(mine, i)
		var none R
		return none, ctx.Err()
	}
}

// alone flushes a single item in the caller's goroutine.
func (b *Batcher[T, R]) alone(ctx context.Context, item T) (R, error) {
	results, err := b.call(ctx, []T{item})
	if err != nil {
		var none R
		return none, err
	}
	return results[0], nil
}

// join adds the item to the batch that is being filled. The caller holds b.mu.
func (b *Batcher[T, R]) join(item T) (*batch[T, R], int) {
	limit := b.Max
	if limit <= 0 {
		limit = DefaultMax
	}
	n := len(b.waiting)
	if n == 0 || len(b.waiting[n-1].items) >= limit {
		b.waiting = append(b.waiting, &batch[T, R]{done: make(chan struct{})})
		n++
	}
	last := b.waiting[n-1]
	last.items = append(last.items, item)
	last.callers++
	return last, len(last.items) - 1
}

// leave withdraws item i, and cancels the flush when its last caller goes.
func (b *Batcher[T, R]) leave(from *batch[T, R], i int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if from.left == nil {
		from.left = map[int]bool{}
	}
	from.left[i] = true
	from.callers--
	if from.callers == 0 && from.cancel != nil {
		from.cancel()
	}
}

// next lets the waiting batches go, after a flush in a caller's goroutine.
func (b *Batcher[T, R]) next() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.busy = false
		return
	}
	go b.drain()
}

// drain flushes batch after batch until none is waiting. Before each it lets
// others run: the callers of the last one are about to come again, and would
// otherwise find the next gone without them.
func (b *Batcher[T, R]) drain() {
	for {
		runtime.Gosched()
		ctx, cancel := context.WithCancel(context.Background())
		next, items, places := b.take(cancel)
		if next == nil {
			cancel()
			return
		}
		if len(items) > 0 {
			results, err := b.call(ctx, items)
			next.fill(results, places, err)
		}
		close(next.done)
		cancel()
	}
}

// take seals the oldest batch and returns what is left of its items, or nil
// when no batch is waiting.
func (b *Batcher[T, R]) take(cancel context.CancelFunc) (next *batch[T, R], items []T, places []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.waiting, b.busy = nil, false
		return nil, nil, nil
	}
	next = b.waiting[0]
	b.waiting = b.waiting[1:]
	next.cancel = cancel
	items, places = next.remaining()
	return next, items, places
}

// call refuses a number of results that would give callers each other's.
func (b *Batcher[T, R]) call(ctx context.Context, items []T) ([]R, error) {
	results, err := b.Flush(ctx, items)
	if err == nil && len(results) != len(items) {
		err = fmt.Errorf("flush of %d items returned %d results", len(items), len(results))
	}
	return results, err
}
