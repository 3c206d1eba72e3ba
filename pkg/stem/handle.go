package stem

import (
	"context"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Handle is a task that was enqueued and whose result is an R.
type Handle[R any] struct {
	ID        string
	Duplicate bool // its unique key was taken; ID is the owner's
	app       *App
}

// Wait blocks until the task ends, in whatever process, and returns its result.
//
//   - Errors: *client.TaskFailed when it failed or was cancelled; ErrTimeout when
//     ctx ended first, with what the task was then; ErrNotFound when the record
//     is gone.
func (h *Handle[R]) Wait(ctx context.Context) (R, error) {
	var out R
	record, err := h.app.client.WaitOne(ctx, h.ID)
	if err != nil {
		return out, err
	}
	err = h.app.client.Result(record, &out)
	return out, err
}

// Record returns what the store knows about the task now.
//
//   - Errors: ErrNotFound, ErrUnavailable.
func (h *Handle[R]) Record(ctx context.Context) (runtime.TaskRecord, error) {
	return h.app.Record(ctx, h.ID)
}
