package flush

import "context"

// batch is what gathered for one flush. Until done is closed the batcher's lock
// guards it, but for results and err: those are written before and read after.
type batch[T, R any] struct {
	items   []T
	left    map[int]bool // items whose callers gave up
	callers int          // who still wait
	cancel  context.CancelFunc

	done    chan struct{}
	results []R
	err     error
}

// remaining returns the items whose callers still wait and, when some have
// gone, the place of each among all.
func (b *batch[T, R]) remaining() (items []T, places []int) {
	if len(b.left) == 0 {
		return b.items, nil
	}
	for i, item := range b.items {
		if !b.left[i] {
			items, places = append(items, item), append(places, i)
		}
	}
	return items, places
}

// fill puts each result at its item's place.
func (b *batch[T, R]) fill(results []R, places []int, err error) {
	b.err = err
	if err != nil || places == nil {
		b.results = results
		return
	}
	b.results = make([]R, len(b.items))
	for i, r := range results {
		b.results[places[i]] = r
	}
}

func (b *batch[T, R]) result(i int) (R, error) {
	if b.err != nil {
		var none R
		return none, b.err
	}
	return b.results[i], nil
}
