package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// HandlerFunc runs one attempt of a task and returns its result as JSON (nil
// is null). The context ends at the hard limit, on revocation, at shutdown and
// when the lease is lost; context.Cause then returns one of the Cause errors.
type HandlerFunc func(ctx context.Context, t *Task) (json.RawMessage, error)

// The causes by which stem cancels a handler's context.
var (
	CauseHardLimit = errors.New("hard time limit reached")
	CauseRevoked   = errors.New("task revoked")
	CauseShutdown  = errors.New("worker is shutting down")
	CauseLeaseLost = errors.New("lease lost")
)

// Task is what a handler sees of its delivery. It is read-only; Args are
// decoded, whatever encoding they travelled in.
type Task struct {
	ID         string
	Name       string
	Queue      string
	Args       json.RawMessage
	Attempt    int // zero-based
	MaxRetries int
	Deliveries int
	Headers    map[string]string
	Meta       map[string]json.RawMessage
	EnqueuedAt time.Time
	Host       Host
}

// Host is what a running handler can ask of its worker. It is small and its
// arguments are plain data, because a program on the other side of a pipe
// speaks it too.
//
//   - Errors: ErrLeaseLost from every method that reaches the store, when the
//     task is no longer this worker's; ErrUnavailable.
//   - Concurrency: safe from the handler's goroutines until it returns.
type Host interface {
	// Progress stores how far the task is, 0 to 100, with optional JSON.
	Progress(ctx context.Context, percent float64, data json.RawMessage) error

	// Extend asks to keep the task at least this much longer, also beyond a
	// visibility timeout of its own.
	Extend(ctx context.Context, by time.Duration) error

	// Enqueue publishes children at once, with this task as their parent; one
	// result for each.
	Enqueue(ctx context.Context, rs []Request) ([]PublishResult, error)

	// Log adds a line to the tail that is kept with the task's record.
	Log(line string)

	// SoftLimit is closed when the soft limit has passed; nil without one.
	SoftLimit() <-chan struct{}
}

type taskKey struct{}

// WithTask returns a context from which TaskFrom finds t.
func WithTask(ctx context.Context, t *Task) context.Context {
	return context.WithValue(ctx, taskKey{}, t)
}

// TaskFrom returns the task that runs in ctx, or nil outside of a handler.
func TaskFrom(ctx context.Context) *Task {
	t, _ := ctx.Value(taskKey{}).(*Task)
	return t
}
