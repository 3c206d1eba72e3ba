package runtime

import (
	"context"
	"time"
)

// Results reads what became of tasks and groups. In the store of the broker
// the records are written by the broker's own steps.
type Results interface {
	// Get returns the records of ids, in that order; an unknown id has an empty
	// State.
	//
	//   - Errors: ErrUnavailable.
	Get(ctx context.Context, ids []string) ([]TaskRecord, error)

	// Watch sends the current record of each id and then its changes, until ctx
	// ends; the channel is then closed. Changes may be joined, the last one is
	// never missed. The driver polls where its store cannot push.
	//
	//   - Errors: ErrUnavailable when it cannot start.
	Watch(ctx context.Context, ids []string) (<-chan TaskRecord, error)

	// Progress stores the latest progress of leased tasks and returns the leases
	// that are over.
	//
	//   - Errors: ErrUnavailable.
	Progress(ctx context.Context, c Consumer, ps []Progress) (lost []Lease, err error)

	// Group returns a group and n of its members from index from on.
	//
	//   - Errors: ErrNotFound, ErrUnavailable.
	Group(ctx context.Context, id string, from, n int) (GroupView, error)

	// List pages through ended tasks, newest first, and returns the cursor of the
	// next page or "". Bodies are not filled in.
	//
	//   - Errors: ErrInvalid (cursor), ErrUnavailable.
	List(ctx context.Context, q TaskQuery) ([]TaskRecord, string, error)
}

// Progress is how far a running task has come. Percent is 0 to 100; Data is
// JSON of the handler's choosing, at most 64 KiB.
type Progress struct {
	Lease   Lease
	Percent float64
	Data    []byte
}

// GroupView is a group and a page of its members, in their order.
type GroupView struct {
	ID                                 string
	Size, Succeeded, Failed, Cancelled int
	Closed                             bool // all have ended, or the deadline passed
	ClosedAt, Deadline                 time.Time
	Members                            []TaskRecord // with bodies
}
