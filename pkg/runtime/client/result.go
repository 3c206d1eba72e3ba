package client

import (
	"encoding/json"
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/codec"
)

// TaskFailed is the error of a task that ended as failed or cancelled.
//
//   - Task is its record; Task.Reason says why in one of the Reason constants.
//   - Failure is what the handler returned, nil for a task that never ran.
type TaskFailed struct {
	Task    runtime.TaskRecord
	Failure *runtime.TaskError
}

// Error names the task, its end and what the handler said.
func (e *TaskFailed) Error() string {
	text := fmt.Sprintf("task %s (%s) %s", e.Task.ID, e.Task.Name, e.Task.State)
	if e.Task.Reason != "" {
		text += ": " + e.Task.Reason
	}
	switch {
	case e.Failure != nil && e.Failure.Message != "":
		text += ": " + e.Failure.Message
	case e.Task.Error != "":
		text += ": " + e.Task.Error
	}
	return text
}

// Result decodes the result of a task that succeeded into v. A nil v only asks
// whether it did; a result that was not kept leaves v as it is.
//
//   - Errors: *TaskFailed for a task that failed or was cancelled; ErrConflict
//     for one that has not ended, ErrNotFound for one that is not known;
//     *codec.UnknownError; ErrCorrupt when the result is not what v takes.
func Result(t runtime.TaskRecord, codecs *codec.Registry, v any) error {
	switch {
	case t.State == "":
		return runtime.Errorf(runtime.CodeNotFound, "task "+t.ID+" is not known")
	case !t.State.Terminal():
		return runtime.Errorf(runtime.CodeConflict, fmt.Sprintf("task %s has not ended: it is %s", t.ID, t.State))
	}
	rec, err := runtime.DecodeRecord(t.Body)
	if t.State != runtime.StateSucceeded {
		return &TaskFailed{Task: t, Failure: rec.Error}
	}
	if err != nil {
		return fmt.Errorf("result of task %s: %w", t.ID, err)
	}
	payload, err := codecs.DecodeResult(rec.Encoder, rec.Payload)
	if err != nil {
		return fmt.Errorf("result of task %s: %w", t.ID, err)
	}
	if v == nil || len(payload) == 0 {
		return nil
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return &runtime.Error{Code: runtime.CodeCorrupt, Message: fmt.Sprintf("result of task %s is not a %T", t.ID, v), Err: err}
	}
	return nil
}

// Result is the function Result with the client's encoders.
func (c *Client) Result(t runtime.TaskRecord, v any) error { return Result(t, c.o.Codecs, v) }
