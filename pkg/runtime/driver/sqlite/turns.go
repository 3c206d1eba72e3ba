package sqlite

import "github.com/stem-jobs/stem/pkg/runtime"

// turns remembers whose turn it is among weighted queues, so that also many
// small Receives keep to the weights. The writer's goroutine alone uses it.
type turns struct{ credit map[string]int }

// portions divides n among the queues. Without weights each may have all that
// those before it leave over; with weights it is "smooth weighted round robin",
// as nginx does it: each queue gains its weight, the richest is served and pays
// what all have gained. A queue without a weight then has the weight 1.
func (t *turns) portions(qs []runtime.QueueShare, n int) []int {
	out := make([]int, len(qs))
	if !weighted(qs) {
		for i := range out {
			out[i] = n
		}
		return out
	}
	if t.credit == nil {
		t.credit = map[string]int{}
	}
	for range n {
		out[t.next(qs)]++
	}
	return out
}

func (t *turns) next(qs []runtime.QueueShare) int {
	richest, total := 0, 0
	for i, q := range qs {
		w := max(q.Weight, 1)
		t.credit[q.Queue] += w
		total += w
		if t.credit[q.Queue] > t.credit[qs[richest].Queue] {
			richest = i
		}
	}
	t.credit[qs[richest].Queue] -= total
	return richest
}

func weighted(qs []runtime.QueueShare) bool {
	for _, q := range qs {
		if q.Weight > 0 {
			return true
		}
	}
	return false
}
