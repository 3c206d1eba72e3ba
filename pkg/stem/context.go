package stem

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Context is what a handler can ask about and do for its running task.
type Context struct {
	ctx  context.Context
	task *runtime.Task
}

// FromContext returns the running task. It panics outside of a handler, where
// there is none.
func FromContext(ctx context.Context) *Context {
	t := runtime.TaskFrom(ctx)
	if t == nil {
		panic("stem: FromContext called outside of a task's handler")
	}
	return &Context{ctx: ctx, task: t}
}

// ID returns the task's id, the same in every attempt.
func (c *Context) ID() string { return c.task.ID }

// Attempt returns the zero-based number of this try.
func (c *Context) Attempt() int { return c.task.Attempt }

// Task returns the task itself: headers, meta, raw arguments.
func (c *Context) Task() *runtime.Task { return c.task }

// Progress stores how far the task is, 0 to 100, with any JSON value or nil.
//
//   - Errors: ErrLeaseLost when the task is no longer this worker's: stop.
func (c *Context) Progress(percent float64, data any) error {
	var raw json.RawMessage
	if data != nil {
		var err error
		if raw, err = json.Marshal(data); err != nil {
			return fmt.Errorf("encode progress: %w", err)
		}
	}
	return c.task.Host.Progress(c.ctx, percent, raw)
}

// Extend keeps the task at least d longer, beyond its visibility timeout.
//
//   - Errors: ErrLeaseLost.
func (c *Context) Extend(d time.Duration) error { return c.task.Host.Extend(c.ctx, d) }

// Enqueue puts a task into the store as a child of this one, at once: it is
// there whether this one succeeds or not. For what must follow its end see Then.
//
//   - Errors: ErrLeaseLost; ErrInvalid, ErrFull for the child; ErrUnavailable.
func (c *Context) Enqueue(r runtime.Request) (runtime.PublishResult, error) {
	results, err := c.task.Host.Enqueue(c.ctx, []runtime.Request{r})
	if err != nil {
		return runtime.PublishResult{}, err
	}
	return results[0], results[0].Err
}

// Logf adds a line to the tail that is kept with the task's record.
func (c *Context) Logf(format string, args ...any) { c.task.Host.Log(fmt.Sprintf(format, args...)) }

// SoftLimit is closed when the soft limit has passed; nil without one.
func (c *Context) SoftLimit() <-chan struct{} { return c.task.Host.SoftLimit() }

// Permanent wraps an error that no retry will mend.
func Permanent(err error) error { return runtime.Permanent(err) }

// RetryAfter asks for another attempt after d, because of err (or nil).
func RetryAfter(d time.Duration, err error) error { return runtime.RetryAfter(d, err) }
