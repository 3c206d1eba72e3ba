package runtimetest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Execution is what one run of a handler did.
type Execution struct {
	Result   json.RawMessage
	Err      error
	Progress []Progress
	Extended []time.Duration
	Children []runtime.Request
	Log      []string
}

// Run calls a task's handler once, as a worker would for a first attempt, and
// returns what it did. There is no store, no limit and no retry.
//
//   - args are encoded as JSON. task, when given, changes what the handler sees
//     of its delivery.
//   - Errors: args that cannot be encoded are Err.
func Run(ctx context.Context, d runtime.Definition, args any, task ...func(*runtime.Task)) Execution {
	raw, err := json.Marshal(args)
	if err != nil {
		return Execution{Err: fmt.Errorf("encode arguments: %w", err)}
	}
	host := &Host{}
	t := &runtime.Task{
		ID: "test", Name: d.Name, Queue: runtime.DefaultQueue, Args: raw, Deliveries: 1,
		MaxRetries: runtime.Value(d.Options.MaxRetries), EnqueuedAt: time.Now().UTC(), Host: host,
	}
	for _, change := range task {
		change(t)
	}
	x := Execution{}
	x.Result, x.Err = d.Run(runtime.WithTask(ctx, t), t)
	if h, ok := t.Host.(*Host); ok {
		h.mu.Lock()
		defer h.mu.Unlock()
		x.Progress, x.Extended, x.Children, x.Log = h.progress, h.extended, h.children, h.log
	}
	return x
}
