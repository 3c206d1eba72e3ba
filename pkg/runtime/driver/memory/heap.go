package memory

import "time"

// heap is a binary heap whose items know their position, so that any of them
// can be taken out. pos points at an item's own field: 0 is outside.
type heap[T any] struct {
	less  func(a, b T) bool
	pos   func(T) *int
	items []T
}

func (h *heap[T]) len() int { return len(h.items) }

func (h *heap[T]) top() T { return h.items[0] }

func (h *heap[T]) push(x T) {
	h.items = append(h.items, x)
	h.up(len(h.items) - 1)
}

// remove takes x out; it does nothing when x is not in h.
func (h *heap[T]) remove(x T) {
	i := *h.pos(x) - 1
	if i < 0 {
		return
	}
	last := len(h.items) - 1
	moved := h.items[last]
	var none T
	h.items[last] = none
	h.items = h.items[:last]
	*h.pos(x) = 0
	if i == last {
		return
	}
	h.set(i, moved)
	h.fix(moved)
}

// fix restores the order after x has changed.
func (h *heap[T]) fix(x T) {
	h.up(*h.pos(x) - 1)
	h.down(*h.pos(x) - 1)
}

func (h *heap[T]) set(i int, x T) {
	h.items[i] = x
	*h.pos(x) = i + 1
}

func (h *heap[T]) up(i int) {
	x := h.items[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(x, h.items[parent]) {
			break
		}
		h.set(i, h.items[parent])
		i = parent
	}
	h.set(i, x)
}

func (h *heap[T]) down(i int) {
	x := h.items[i]
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			break
		}
		if right := child + 1; right < len(h.items) && h.less(h.items[right], h.items[child]) {
			child = right
		}
		if !h.less(h.items[child], x) {
			break
		}
		h.set(i, h.items[child])
		i = child
	}
	h.set(i, x)
}

// agenda is a heap ordered by time: what is due first is on top.
type agenda[T any] struct {
	heap[T]
	at func(T) time.Time
}

func newAgenda[T any](at func(T) time.Time, pos func(T) *int) *agenda[T] {
	less := func(a, b T) bool { return at(a).Before(at(b)) }
	return &agenda[T]{heap: heap[T]{less: less, pos: pos}, at: at}
}

// take calls do for what is due, at most limit times, and reports how often it
// did and whether more is due. do must take its item out of the agenda.
func (a *agenda[T]) take(now time.Time, limit int, do func(T)) (n int, more bool) {
	for n < limit && a.due(now) {
		do(a.top())
		n++
	}
	return n, a.due(now)
}

func (a *agenda[T]) due(now time.Time) bool { return a.len() > 0 && passed(a.at(a.top()), now) }

// next returns when the first item is due, or the zero time.
func (a *agenda[T]) next() time.Time {
	if a.len() == 0 {
		return time.Time{}
	}
	return a.at(a.top())
}

// passed reports whether a moment has come. Everything that ends at a time has
// ended at that very instant.
func passed(at, now time.Time) bool { return !at.After(now) }
