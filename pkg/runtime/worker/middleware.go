package worker

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// wrapExecute puts the execute middleware around a handler, the first of ms
// outermost.
func wrapExecute(run runtime.HandlerFunc, ms []runtime.Middleware) runtime.HandlerFunc {
	for _, m := range slices.Backward(ms) {
		if m.Execute == nil {
			continue
		}
		inner := run
		run = func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
			return m.Execute(ctx, t, inner)
		}
	}
	return run
}

// consume runs call within the consume middleware, the first of ms outermost.
func consume(ms []runtime.Middleware, j *job, call func(context.Context) error) error {
	for _, m := range slices.Backward(ms) {
		if m.Consume == nil {
			continue
		}
		inner := call
		call = func(ctx context.Context) error { return m.Consume(ctx, &j.Delivery, inner) }
	}
	return call(j.ctx)
}

// mend shows a failure to the error middleware, the last of ms first, and
// returns what is left of it. A middleware that panics leaves it as it was.
func mend(ms []runtime.Middleware, j *job, err error) (left error) {
	left = err
	defer func() { _ = recover() }()
	for _, m := range slices.Backward(ms) {
		if m.Error == nil || left == nil {
			continue
		}
		left = m.Error(runtime.WithTask(j.ctx, &j.task), &j.task, left)
	}
	return left
}
