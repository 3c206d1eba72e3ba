package sqlite

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// location is what a store URL says.
type location struct {
	path        string // absolute
	synchronous string // normal, full, extra or off
	maxPages    string // size limit of the file in pages; "" is none
	lockWait    time.Duration
}

// defaultLockWait is how long to wait while another process has the right to
// write; a caller's own transaction may hold it for seconds.
const defaultLockWait = 15 * time.Second

// parseURL reads sqlite:path, sqlite://path, sqlite:///absolute/path and their
// query.
//
//   - Errors: ErrInvalid.
func parseURL(raw string) (location, error) {
	l := location{synchronous: "normal", lockWait: defaultLockWait}
	_, rest, _ := strings.Cut(raw, ":")
	path, query, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "?")
	path, err := url.PathUnescape(path)
	if err != nil || path == "" || strings.HasPrefix(path, ":memory:") {
		return l, badURL(raw, "it names no file", "write sqlite:stem.db, sqlite:///srv/stem.db or a path that ends in .db")
	}
	if l.path, err = filepath.Abs(path); err != nil {
		return l, fmt.Errorf("cannot open store %s: %w", raw, err)
	}
	options, err := url.ParseQuery(query)
	if err != nil {
		return l, badURL(raw, "its query cannot be read", "write sqlite:stem.db?synchronous=full")
	}
	for key := range options {
		if err := l.set(raw, key, options.Get(key)); err != nil {
			return l, err
		}
	}
	return l, nil
}

func (l *location) set(raw, key, value string) error {
	value = strings.ToLower(value)
	switch key {
	case "synchronous":
		switch value {
		case "normal", "full", "extra", "off":
			l.synchronous = value
			return nil
		}
		return badURL(raw, fmt.Sprintf("synchronous is %q", value), "use normal, full, extra or off")
	case "max_pages":
		if value == "" || strings.Trim(value, "0123456789") != "" {
			return badURL(raw, fmt.Sprintf("max_pages is %q", value), "use a number of pages of 4096 bytes")
		}
		l.maxPages = value
		return nil
	case "lock_wait":
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return badURL(raw, fmt.Sprintf("lock_wait is %q", value), "use a duration such as 15s")
		}
		l.lockWait = d
		return nil
	}
	return badURL(raw, fmt.Sprintf("it has the unknown option %q", key), "use synchronous, lock_wait or max_pages")
}

func badURL(raw, what, hint string) error {
	return &runtime.Error{Code: runtime.CodeInvalid, Message: "cannot open store " + runtime.MaskURL(raw) + ": " + what, Hint: hint}
}
