package sqlite

import (
	"strconv"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// A cursor is the number of the last item of a page, and the next page begins
// behind it, whatever has come and gone meanwhile.

// parseCursor reads a cursor; "" is first, the number before the first page.
func parseCursor(c string, first int64) (int64, error) {
	if c == "" {
		return first, nil
	}
	n, err := strconv.ParseInt(c, 10, 64)
	if err != nil || n <= 0 {
		return 0, runtime.Errorf(runtime.CodeInvalid, "cursor "+strconv.Quote(c)+" is not one of this store's")
	}
	return n, nil
}

func cursor(n int64) string { return strconv.FormatInt(n, 10) }

// pageSize is how many items a page has.
func pageSize(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, 1000)
}

// page cuts the one item too many that was read to know whether there is a next
// page, and returns the cursor of that.
func page[T any](items []T, numbers []int64, limit int) ([]T, string) {
	n := pageSize(limit)
	if len(items) <= n {
		return items, ""
	}
	return items[:n], cursor(numbers[n-1])
}
