package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

// Worker runs tasks of some queues of one store. It is a runtime.Role.
//
//   - Concurrency: safe for use by many goroutines. Only one Run at a time.
type Worker struct {
	backend *runtime.Backend
	client  *client.Client
	o       Options
	plans   plans

	mu    sync.Mutex
	shift *shift // the Run in progress, or nil
}

var _ runtime.Role = (*Worker)(nil)

// New returns a worker that takes tasks from b and enqueues its handlers'
// children with c.
//
//   - Errors: ErrInvalid for options that are out of range, ErrUnsupported when
//     the backend has no broker.
func New(b *runtime.Backend, c *client.Client, o Options) (*Worker, error) {
	if b == nil || b.Broker == nil {
		return nil, runtime.Errorf(runtime.CodeUnsupported, "start worker: the store has no broker")
	}
	if c == nil {
		return nil, runtime.Errorf(runtime.CodeInvalid, "start worker: it has no client")
	}
	o = o.filled()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	return &Worker{backend: b, client: c, o: o}, nil
}

// Name returns "worker".
func (w *Worker) Name() string { return "worker" }

// ID returns the worker's own name, by which operators address it.
func (w *Worker) ID() string { return w.o.Name }

// Run works until a drain has finished or ctx ends, which is a hard stop. It
// may be called again after it returned.
//
//   - Errors: ErrConflict when it runs already; what made it give up, after what
//     was running has finished.
func (w *Worker) Run(ctx context.Context) error {
	s, err := w.begin(ctx)
	if err != nil {
		return err
	}
	defer w.end(s)
	return s.run(ctx)
}

func (w *Worker) begin(ctx context.Context) (*shift, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shift != nil {
		return nil, runtime.Errorf(runtime.CodeConflict, "worker "+w.o.Name+" is running already")
	}
	w.shift = newShift(w, ctx)
	return w.shift, nil
}

func (w *Worker) end(s *shift) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shift = nil
	close(s.over)
}

func (w *Worker) current() *shift {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shift
}

// Drain stops the worker and returns when it has stopped. A worker that does
// not run has.
//
//   - Errors: ctx.Err() when it ended first; the drain goes on.
func (w *Worker) Drain(ctx context.Context, mode runtime.DrainMode) error {
	s := w.current()
	if s == nil {
		return nil
	}
	s.ask(mode)
	select {
	case <-s.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Apply answers stats with the worker's heartbeat and more counts, and on
// refresh looks at directives and revocations at once.
//
//   - Errors: ErrUnavailable when the worker does not run.
func (w *Worker) Apply(ctx context.Context, c runtime.Command) (json.RawMessage, bool, error) {
	if c.Type != runtime.CommandStats && c.Type != runtime.CommandRefresh {
		return nil, false, nil
	}
	s := w.current()
	if s == nil {
		return nil, true, runtime.Errorf(runtime.CodeUnavailable, "the worker does not run")
	}
	if c.Type == runtime.CommandRefresh {
		s.refresh()
		return nil, true, nil
	}
	reply, err := json.Marshal(s.report())
	return reply, true, err
}

// State tells whether the worker runs, how far a drain is, and how many
// handlers it runs.
func (w *Worker) State() runtime.RoleState {
	s := w.current()
	if s == nil {
		return runtime.RoleState{Reason: "not running"}
	}
	return s.state()
}
