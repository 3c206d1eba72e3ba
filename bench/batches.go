package main

import "sync"

// batchSizes averages how many tasks shared a step. The zero value is ready to use.
type batchSizes struct {
	mu           sync.Mutex
	steps, items map[string]int
}

// add counts one step of n tasks; empty steps do not count.
func (b *batchSizes) add(step string, n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.steps == nil {
		b.steps, b.items = map[string]int{}, map[string]int{}
	}
	b.steps[step]++
	b.items[step] += n
}

func (b *batchSizes) means() map[string]float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	means := map[string]float64{}
	for step, n := range b.steps {
		means[step] = float64(b.items[step]) / float64(n)
	}
	return means
}
