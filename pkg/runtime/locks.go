package runtime

import (
	"context"
	"time"
)

// Locks is for leadership and users' own locks. The uniqueness of tasks is not
// here: it is part of Publish and Settle.
type Locks interface {
	// Acquire takes key for owner until ttl has passed. It is not re-entrant.
	//
	//   - Fence grows with each new holder and is to be checked by whatever the
	//     lock protects.
	//   - Errors: ErrExists when it is held, with the holder in the message;
	//     ErrInvalid; ErrUnavailable.
	//   - Source: fencing tokens as in Kleppmann, "How to do distributed locking".
	Acquire(ctx context.Context, key, owner string, ttl time.Duration) (LockGrant, error)

	// Renew extends the grant to ttl from now and returns it.
	//
	//   - Errors: ErrLeaseLost when it is over; ErrUnavailable.
	Renew(ctx context.Context, g LockGrant, ttl time.Duration) (LockGrant, error)

	// Release frees the lock, if g still holds it.
	//
	//   - Errors: ErrLeaseLost when it does not; ErrUnavailable.
	Release(ctx context.Context, g LockGrant) error

	// List returns live locks whose key begins with prefix, ordered by key.
	//
	//   - Errors: ErrUnavailable.
	List(ctx context.Context, prefix string) ([]LockGrant, error)

	// Break frees a lock against its owner's will, and writes an audit entry. The
	// owner's next Renew answers ErrLeaseLost.
	//
	//   - Errors: ErrNotFound, ErrUnavailable.
	Break(ctx context.Context, key, by, reason string) error
}

// LockGrant is a held lock.
type LockGrant struct {
	Key, Owner string
	Fence      uint64
	Until      time.Time
}
