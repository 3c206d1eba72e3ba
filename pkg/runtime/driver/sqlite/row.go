package sqlite

import (
	"database/sql/driver"
	"time"
)

// row is one row of a result. NULL reads as zero.
type row []driver.Value

func (r row) int(i int) int64 {
	n, _ := r[i].(int64)
	return n
}

func (r row) float(i int) float64 {
	f, ok := r[i].(float64)
	if !ok {
		return float64(r.int(i))
	}
	return f
}

func (r row) str(i int) string {
	s, _ := r[i].(string)
	return s
}

func (r row) bytes(i int) []byte {
	if s, ok := r[i].(string); ok {
		return []byte(s)
	}
	b, _ := r[i].([]byte)
	return b
}

func (r row) bool(i int) bool { return r.int(i) != 0 }

func (r row) time(i int) time.Time {
	if r[i] == nil {
		return time.Time{}
	}
	return fromMicros(r.int(i))
}

// Times are stored as microseconds since 1970, durations as microseconds.

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// micros returns a time as it is stored: NULL when it is zero.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// text returns a string as it is stored: NULL when it is empty.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// span returns a duration as it is stored: NULL when it is zero, and not less
// than a microsecond otherwise.
func span(d time.Duration) any {
	if d <= 0 {
		return nil
	}
	return max(d.Microseconds(), 1)
}
