package runtime

import (
	"context"
	"time"
)

// Directives keeps what operators have ordered, until it is ordered otherwise.
// Workers read it by version and obey.
type Directives interface {
	// Put stores directives, the newest for a subject replacing the older, and
	// returns them with their versions.
	//
	//   - Errors: ErrInvalid, ErrUnavailable.
	Put(ctx context.Context, ds []Directive) ([]Directive, error)

	// Since returns the directives newer than version, ordered by version; 0 is
	// all. One that was lifted is returned with Lifted set, so that everybody who
	// follows learns of it.
	//
	//   - Errors: ErrUnavailable.
	Since(ctx context.Context, version int64) ([]Directive, error)

	// Prune removes lifted and expired directives that are older than a day, at
	// most max, and returns how many. Recover does so too.
	//
	//   - Errors: ErrUnavailable.
	Prune(ctx context.Context, max int) (int, error)
}

// DirectiveKind is what is ordered.
type DirectiveKind string

// The kinds.
const (
	DirectivePause DirectiveKind = "pause" // Subject is a queue: nothing more is taken from it
)

// Directive is one order. Version is given by the store and grows over all
// directives. Expires zero is until lifted.
type Directive struct {
	Kind    DirectiveKind
	Subject string
	By      string
	Reason  string
	At      time.Time
	Expires time.Time
	Lifted  bool
	Version int64
}
