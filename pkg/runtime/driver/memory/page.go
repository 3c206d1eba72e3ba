package memory

import (
	"math"
	"strconv"

	"github.com/stem-jobs/stem/pkg/runtime"
)

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

// cursor names the last item of the page, or is "" when there is no next page.
func (p *page[T]) cursor() string {
	if !p.more {
		return ""
	}
	return strconv.FormatUint(p.last, 10)
}

// Where pages begin that have no cursor: oldest first and newest first.
const (
	fromOldest = 0
	fromNewest = math.MaxUint64
)

// parseCursor reads what cursor wrote; "" is start.
func parseCursor(c string, start uint64) (uint64, error) {
	if c == "" {
		return start, nil
	}
	no, err := strconv.ParseUint(c, 10, 64)
	if err != nil {
		return 0, runtime.Errorf(runtime.CodeInvalid, "cursor "+strconv.Quote(c)+" is not one of this store's")
	}
	return no, nil
}
