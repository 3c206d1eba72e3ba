package memory

import (
	"sort"
	"strconv"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// shelf keeps things under growing numbers, so that a page can begin behind any
// number, also one that is no longer there: that is what makes pages stable.
//
// What is dropped stays until half of the shelf is dead wood; alive tells which
// is which, from the thing and the number it was put under.
type shelf[T any] struct {
	alive func(no uint64, x T) bool
	items []shelved[T]
	dead  int
}

type shelved[T any] struct {
	no uint64
	x  T
}

func (s *shelf[T]) put(no uint64, x T) { s.items = append(s.items, shelved[T]{no, x}) }

// drop says that one thing is no longer alive.
func (s *shelf[T]) drop() {
	if s.dead++; s.dead < 64 || s.dead < len(s.items)/2 {
		return
	}
	kept := s.items[:0]
	for _, it := range s.items {
		if s.alive(it.no, it.x) {
			kept = append(kept, it)
		}
	}
	clear(s.items[len(kept):])
	s.items, s.dead = kept, 0
}

// upwards calls f for what is alive with a number above no, oldest first, until
// f returns false.
func (s *shelf[T]) upwards(no uint64, f func(no uint64, x T) bool) {
	from := sort.Search(len(s.items), func(i int) bool { return s.items[i].no > no })
	for _, it := range s.items[from:] {
		if s.alive(it.no, it.x) && !f(it.no, it.x) {
			return
		}
	}
}

// downwards calls f for what is alive with a number below no (0: all), newest
// first, until f returns false.
func (s *shelf[T]) downwards(no uint64, f func(no uint64, x T) bool) {
	to := len(s.items)
	if no > 0 {
		to = sort.Search(len(s.items), func(i int) bool { return s.items[i].no >= no })
	}
	for i := to - 1; i >= 0; i-- {
		if it := s.items[i]; s.alive(it.no, it.x) && !f(it.no, it.x) {
			return
		}
	}
}

// page collects one page of a shelf and the cursor of the next.
type page[T any] struct {
	limit int
	items []T
	last  uint64
	more  bool
}

func newPage[T any](limit int) *page[T] {
	if limit <= 0 {
		limit = 100
	}
	return &page[T]{limit: min(limit, 1000)}
}

// add takes x and reports whether the page goes on. The first item too many
// only tells that there is a next page.
func (p *page[T]) add(no uint64, x T) bool {
	if len(p.items) == p.limit {
		p.more = true
		return false
	}
	p.items, p.last = append(p.items, x), no
	return true
}

func (p *page[T]) cursor() string {
	if !p.more {
		return ""
	}
	return strconv.FormatUint(p.last, 10)
}

// parseCursor reads what cursor wrote; "" is the beginning.
func parseCursor(c string) (uint64, error) {
	if c == "" {
		return 0, nil
	}
	no, err := strconv.ParseUint(c, 10, 64)
	if err != nil || no == 0 {
		return 0, runtime.Errorf(runtime.CodeInvalid, "cursor "+strconv.Quote(c)+" is not one of this store's")
	}
	return no, nil
}
