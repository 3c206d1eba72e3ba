package runtime

import (
	"context"
	"time"
)

// Limits is the operators' view of rates and slots; admission itself is
// Broker.Admit.
type Limits interface {
	// Set replaces the numbers of limits for everybody, whatever tasks declare; a
	// limit with neither rate nor slots removes the override.
	//
	//   - Errors: ErrInvalid, ErrUnavailable.
	Set(ctx context.Context, ls []LimitUse) error

	// View returns the limits in use or overridden whose key begins with prefix,
	// ordered by key.
	//
	//   - Errors: ErrUnavailable.
	View(ctx context.Context, prefix string) ([]LimitView, error)
}

// SlotHold is how long a task in the line keeps a slot that others wait for.
const SlotHold = time.Minute

// LimitView is a limit and who has or wants it.
type LimitView struct {
	Limit      LimitUse
	Overridden bool
	Holders    []SlotHolder
	Waiting    int64
	NextFree   time.Time // rate: when the next execution is allowed; zero: now
}
