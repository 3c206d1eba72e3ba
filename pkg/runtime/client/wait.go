package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// outage is how long Wait puts up with a store that neither pushes nor answers.
const outage = time.Minute

// TimeoutError is returned by Wait when its context ends first. Last holds what
// was last known of each task. errors.Is finds the context's error in it, and
// ErrTimeout when that was a deadline.
type TimeoutError struct {
	Last  []runtime.TaskRecord
	Cause error
}

// Error tells how many tasks have not ended, and how the first of them stands.
func (e *TimeoutError) Error() string {
	open, first := 0, runtime.TaskRecord{}
	for _, t := range e.Last {
		if !t.State.Terminal() {
			if open == 0 {
				first = t
			}
			open++
		}
	}
	state := string(first.State)
	if state == "" {
		state = "not known to the store"
	}
	return fmt.Sprintf("wait for %d of %d tasks: %v; %s is %s", open, len(e.Last), e.Cause, first.ID, state)
}

// Unwrap returns the context's error.
func (e *TimeoutError) Unwrap() error { return e.Cause }

// Is makes a deadline that passed an ErrTimeout.
func (e *TimeoutError) Is(target error) bool {
	t, ok := target.(*runtime.Error)
	return ok && t.Code == runtime.CodeTimeout && errors.Is(e.Cause, context.DeadlineExceeded)
}

// WaitOne waits until a task has ended and returns its record; see Wait.
func (c *Client) WaitOne(ctx context.Context, id string) (runtime.TaskRecord, error) {
	recs, err := c.Wait(ctx, id)
	if len(recs) == 0 {
		return runtime.TaskRecord{ID: id}, err
	}
	return recs[0], err
}

// Wait returns the records of tasks, in the order of ids, when all have ended.
// It hears of ends by the store's push, from whichever process they come, and
// asks every Options.PollEvery in case a push was lost.
//
//   - How the tasks ended is in the records; see [Result].
//   - An id that the store does not know yet is waited for.
//   - Errors: *TimeoutError when ctx ends; ErrNotFound when a record went before
//     its end was seen; ErrUnavailable when the store has been away for a
//     minute; ErrUnsupported. What is known is returned along with all of them.
func (c *Client) Wait(ctx context.Context, ids ...string) ([]runtime.TaskRecord, error) {
	if c.backend.Results == nil {
		return nil, runtime.Errorf(runtime.CodeUnsupported, "this store keeps no results")
	}
	watchCtx, stop := context.WithCancel(ctx)
	defer stop()
	w := newWatched(ids)
	err := c.follow(watchCtx, w)
	return w.records(), err
}

// follow takes in what the store pushes, and what it answers when asked, until
// all watched tasks have ended.
func (c *Client) follow(ctx context.Context, w *watched) error {
	changes, err := c.backend.Results.Watch(ctx, w.ids)
	if err != nil {
		changes = nil // asking does without
	}
	poll := time.NewTicker(c.o.PollEvery)
	defer poll.Stop()
	heard := time.Now()
	for ask := err != nil; ; {
		if ask {
			if err := c.ask(ctx, w); err == nil {
				heard = time.Now()
			} else if ctx.Err() == nil && (time.Since(heard) > outage || !errors.Is(err, runtime.ErrUnavailable)) {
				return fmt.Errorf("wait for tasks: %w", err)
			}
		}
		if w.gone != "" {
			return &runtime.Error{Code: runtime.CodeNotFound, Message: "the record of task " + w.gone + " went before its end was seen", Hint: "let its result be kept for longer"}
		}
		if len(w.open) == 0 {
			return nil
		}
		ask = false
		select {
		case t, ok := <-changes:
			if !ok {
				changes = nil
			} else {
				w.see(t)
			}
		case <-poll.C:
			ask = true
		case <-ctx.Done():
			return &TimeoutError{Last: w.records(), Cause: ctx.Err()}
		}
	}
}

// ask reads the records of the tasks that have not ended.
func (c *Client) ask(ctx context.Context, w *watched) error {
	ids := make([]string, 0, len(w.open))
	for id := range w.open {
		ids = append(ids, id)
	}
	recs, err := c.backend.Results.Get(ctx, ids)
	for i, t := range recs {
		t.ID = ids[i]
		w.see(t)
	}
	return err
}
