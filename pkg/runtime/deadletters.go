package runtime

import (
	"context"
	"time"
)

// DeadLetters holds tasks that ended in failure until an operator decides.
// Nothing leaves it by itself.
type DeadLetters interface {
	// List pages through dead letters, oldest first, and returns the cursor of
	// the next page or "".
	//
	//   - Errors: ErrInvalid (cursor), ErrUnavailable.
	List(ctx context.Context, q DeadQuery) ([]DeadLetter, string, error)

	// Count tells how many match; Cursor and Limit are ignored.
	//
	//   - Errors: ErrUnavailable.
	Count(ctx context.Context, q DeadQuery) (int64, error)

	// Replay puts dead letters back into their queues, each in one fenced step:
	// it claims the unique key again (or reports Duplicate with the owner), the
	// state becomes queued, and the group, which has counted the task, does not
	// count it again. It writes an audit entry for each.
	//
	//   - It never takes a key from a newer owner, whatever the mode, and counts
	//     in Enqueued.
	//   - Shapes: one result for each replay, in order. A task that is no dead
	//     letter (any more) answers Exists: a repeated replay is harmless.
	//   - Errors: ErrUnavailable.
	Replay(ctx context.Context, rs []Replay) ([]PublishResult, error)

	// Purge removes dead letters for good and returns how many there were. It
	// writes an audit entry for each.
	//
	//   - Errors: ErrUnavailable.
	Purge(ctx context.Context, ids []string, by, reason string) (int, error)
}

// DeadQuery filters dead letters; zero fields do not filter.
//
//   - Reason is one of the Reason constants; Text must occur in the error line,
//     ignoring ASCII case.
//   - Since (inclusive) and Until (exclusive) compare the time of death.
//   - Limit: 0 is 100, at most 1000.
type DeadQuery struct {
	Queue  string
	Name   string
	Reason string
	Text   string
	IDs    []string
	Since  time.Time
	Until  time.Time
	Cursor string
	Limit  int
}

// DeadLetter is a failed task with what is needed to judge and replay it.
//
//   - Envelope is nil, with Raw and Err set, when it cannot be decoded.
//   - Body is the encoded [Record] of its last attempt.
type DeadLetter struct {
	Task     TaskRecord
	Envelope *Envelope
	Raw      []byte
	Err      error
	Body     []byte
}

// Replay sends one dead letter back to work. Next is its envelope for the new
// life, prepared by the client (attempt 0, one replay more); nil keeps the
// stored one.
type Replay struct {
	TaskID    string
	Next      *Envelope
	NotBefore time.Time
	By        string
	Reason    string
}
