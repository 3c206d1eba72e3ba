package runtime

import (
	"context"
	"time"
)

// Queues answers operators' questions. It is never on the hot path.
type Queues interface {
	// Stats counts the tasks of queues without looking at each; nil is all
	// queues, in the order of their names.
	//
	//   - Errors: ErrUnavailable. An unknown queue has zero counts.
	Stats(ctx context.Context, queues []string) ([]QueueStat, error)

	// List pages through unfinished tasks and dead letters, oldest first, and
	// returns the cursor of the next page or "".
	//
	//   - Pages are stable: a task that stays is neither skipped nor repeated
	//     while others come and go. Bodies are not filled in.
	//   - Errors: ErrInvalid (cursor), ErrUnavailable.
	List(ctx context.Context, q TaskQuery) ([]TaskRecord, string, error)

	// Locate tells where a task is and behind what it waits.
	//
	//   - Errors: ErrNotFound, ErrUnavailable.
	Locate(ctx context.Context, id string) (Location, error)

	// Envelope returns the task's envelope as it is stored now.
	//
	//   - Errors: ErrNotFound (also when the record outlived it), ErrCorrupt,
	//     ErrUnavailable.
	Envelope(ctx context.Context, id string) (*Envelope, error)
}

// QueueStat is a queue in numbers. The first six are of this moment and add up
// to the tasks in the queue; the totals only grow.
type QueueStat struct {
	Queue                                                 string
	Ready, Delayed, Waiting, Parked, Leased, Dead         int64
	OldestReady                                           time.Time // zero: none is ready
	Enqueued, Succeeded, Failed, Cancelled, Retried, Lost int64
}

// TaskQuery filters tasks; zero fields do not filter.
//
//   - Since (inclusive) and Until (exclusive) compare the time of enqueueing.
//   - Limit: 0 is 100, at most 1000.
type TaskQuery struct {
	Queue  string
	Name   string
	States []State
	Places []Place
	Since  time.Time
	Until  time.Time
	Cursor string
	Limit  int
}

// TaskRecord is what the store knows about one task.
//
//   - Body is the encoded [Record] of the last settlement; only Results.Get and
//     Results.Watch fill it in.
//   - Percent and Data are the last progress.
//   - Times are zero when the thing has not happened.
type TaskRecord struct {
	ID, Name, Queue string
	State           State
	Place           Place
	Priority        int
	Attempt         int
	Deliveries      int
	Losses          int
	Worker          string // who holds it, or who ended it
	Reason, Error   string
	Group           string
	UniqueKey       string
	LimitKey        string // the limit it waits for
	EnqueuedAt      time.Time
	DueAt           time.Time
	StartedAt       time.Time // last hand-out
	FinishedAt      time.Time
	UpdatedAt       time.Time
	ExpiresAt       time.Time
	KeepUntil       time.Time // when an ended record goes; zero: it stays
	Percent         float64
	Data            []byte
	Body            []byte
}

// Location is where a task is and what is before it.
type Location struct {
	Task     TaskRecord
	Ahead    int64        // ready tasks of its queue that are served before it
	Position int64        // 1-based place in the wait list of Task.LimitKey
	Holders  []SlotHolder // who has the slots of that limit
	Limit    LimitUse     // that limit's numbers
	Owner    string       // who owns its unique key now, when that is another task
	Revoked  *Revocation  // an order that has not taken effect yet
}

// SlotHolder is a task that occupies a slot of a limit.
type SlotHolder struct {
	TaskID, Worker string
	Since          time.Time
}
