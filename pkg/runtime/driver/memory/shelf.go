package memory

import (
	"slices"
	"sort"
)

// shelf keeps things under growing numbers, so that a page can begin behind any
// number, also one that is no longer there: that is what makes pages stable.
//
// It is a row of boards. Who takes a thing off needs its spot; a board that has
// become empty goes, so the shelf is never much longer than what stands on it.
type shelf[T any] struct{ boards []*board[T] }

type board[T any] struct {
	first uint64 // the number its items begin with
	items []shelved[T]
	left  int // items that have not been taken off
}

// shelved is a thing and its number; 0 is a gap.
type shelved[T any] struct {
	no uint64
	x  T
}

// spot is where a thing stands; the zero spot is nowhere.
type spot[T any] struct {
	on *board[T]
	i  int
}

const boardLength = 512

// put adds x under a number that is higher than all before.
func (s *shelf[T]) put(no uint64, x T) spot[T] {
	last := len(s.boards) - 1
	if last < 0 || len(s.boards[last].items) == boardLength {
		s.boards = append(s.boards, &board[T]{})
		last++
	}
	b := s.boards[last]
	if len(b.items) == 0 {
		b.first = no
	}
	b.items = append(b.items, shelved[T]{no, x})
	b.left++
	return spot[T]{b, len(b.items) - 1}
}

// remove takes a thing off and leaves a gap.
func (s *shelf[T]) remove(at spot[T]) {
	b := at.on
	b.items[at.i] = shelved[T]{}
	if b.left--; b.left > 0 {
		return
	}
	i := s.behind(b.first) - 1
	if i == len(s.boards)-1 {
		b.items = b.items[:0] // it is still being filled
		return
	}
	s.boards = slices.Delete(s.boards, i, i+1)
}

// behind returns the index of the first board that begins behind no.
func (s *shelf[T]) behind(no uint64) int {
	return sort.Search(len(s.boards), func(i int) bool { return s.boards[i].first > no })
}

// upwards calls f for what has a number above no, oldest first, until f returns
// false.
func (s *shelf[T]) upwards(no uint64, f func(no uint64, x T) bool) {
	for i := max(s.behind(no)-1, 0); i < len(s.boards); i++ {
		for _, it := range s.boards[i].items {
			if it.no > no && !f(it.no, it.x) {
				return
			}
		}
	}
}

// downwards calls f for what has a number below no, newest first, until f
// returns false.
func (s *shelf[T]) downwards(no uint64, f func(no uint64, x T) bool) {
	for i := s.behind(no) - 1; i >= 0; i-- {
		for _, it := range slices.Backward(s.boards[i].items) {
			if it.no != 0 && it.no < no && !f(it.no, it.x) {
				return
			}
		}
	}
}
