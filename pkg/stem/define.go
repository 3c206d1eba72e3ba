package stem

import (
	"context"
	"encoding/json"
	"fmt"
	goruntime "runtime"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/handler"
)

// TaskDef is a task with typed arguments and result. Make it with Define, once,
// as a package variable; it is immutable.
//
//   - Concurrency: safe for use by many goroutines.
type TaskDef[A, R any] struct {
	def runtime.Definition
	err error
}

// Define names a task and says how it is run.
//
//   - A is encoded as a JSON object: a struct or a map with string keys, or
//     struct{} for none. R is any JSON value.
//   - What run returns as its error is retried by the task's policy, unless it is
//     Permanent or the retries are used up.
//   - Errors: a wrong option is reported by Open, not here, because package
//     variables cannot fail.
func Define[A, R any](name string, run func(context.Context, A) (R, error), opts ...TaskOption) *TaskDef[A, R] {
	t := &TaskDef[A, R]{def: runtime.Definition{Name: name, Kind: "go", Run: handler.Go(run)}}
	if _, file, line, ok := goruntime.Caller(1); ok {
		t.def.Source = fmt.Sprintf("%s:%d", base(file), line)
	}
	for _, o := range opts {
		if err := o.task(&t.def); err != nil && t.err == nil {
			t.err = fmt.Errorf("task %s: %w", name, err)
		}
	}
	return t
}

// Name returns the task's name.
func (t *TaskDef[A, R]) Name() string { return t.def.Name }

// Definition returns the task as the runtime knows it.
//
//   - Errors: ErrInvalid for an option of Define that was wrong.
func (t *TaskDef[A, R]) Definition() (runtime.Definition, error) { return t.def, t.err }

// Request returns the request that Enqueue would send, for EnqueueMany, links
// and tests.
//
//   - Errors: ErrInvalid for a wrong option or arguments that do not encode.
func (t *TaskDef[A, R]) Request(args A, opts ...CallOption) (runtime.Request, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		return runtime.Request{}, &runtime.Error{Code: runtime.CodeInvalid, Message: "encode the arguments of " + t.def.Name, Err: err}
	}
	r := runtime.Request{Name: t.def.Name, Args: raw, Declared: &t.def.Options}
	for _, o := range opts {
		if err := o.call(&r); err != nil {
			return runtime.Request{}, fmt.Errorf("task %s: %w", t.def.Name, err)
		}
	}
	return r, nil
}

// Enqueue puts one task into app's store and returns a handle to wait for it.
// Inside a handler the running task becomes its parent.
//
//   - A task whose unique key is taken returns the owner's handle with Duplicate
//     set; one whose id is known returns a handle to that.
//   - Errors: as client.Enqueue.
func (t *TaskDef[A, R]) Enqueue(ctx context.Context, app *App, args A, opts ...CallOption) (*Handle[R], error) {
	r, err := t.Request(args, opts...)
	if err != nil {
		return nil, err
	}
	result, err := app.client.Enqueue(ctx, r)
	if err != nil {
		return nil, err
	}
	return &Handle[R]{ID: result.ID, Duplicate: result.Status == runtime.Duplicate, app: app}, nil
}

// EnqueueTx enqueues inside the caller's own transaction (*sql.Tx on the same
// SQLite file): the task exists if and when it commits. Call app.Wake after the
// commit to have it picked up at once.
//
//   - Errors: as client.EnqueueTx.
func (t *TaskDef[A, R]) EnqueueTx(ctx context.Context, app *App, tx any, args A, opts ...CallOption) (*Handle[R], error) {
	r, err := t.Request(args, opts...)
	if err != nil {
		return nil, err
	}
	results, err := app.client.EnqueueTx(ctx, tx, r)
	if err != nil {
		return nil, err
	}
	if results[0].Err != nil {
		return nil, results[0].Err
	}
	return &Handle[R]{ID: results[0].ID, Duplicate: results[0].Status == runtime.Duplicate, app: app}, nil
}

// Handle returns a handle of a task by its id, for a program that did not
// enqueue it.
func (t *TaskDef[A, R]) Handle(app *App, id string) *Handle[R] { return &Handle[R]{ID: id, app: app} }

func base(path string) string {
	slash := 0
	for i := range len(path) {
		if path[i] == '/' {
			slash = i + 1
		}
	}
	return path[slash:]
}
