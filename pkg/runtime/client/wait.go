package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
//     its end was seen; ErrUnavailable when the store was closed, or has been
//     away for a minute; ErrUnsupported. What is known is returned along with
//     all of them.
func (c *Client) Wait(ctx context.Context, ids ...string) ([]runtime.TaskRecord, error) {
	if c.backend.Results == nil {
		return nil, runtime.Errorf(runtime.CodeUnsupported, "this store keeps no results")
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	w := newWatched(ids)
	changes, err := c.backend.Results.Watch(watching, ids)
	if err != nil {
		changes = nil // asking does without
	}
	err = c.follow(ctx, w, changes)
	return w.records(), err
}

// follow takes in what the store pushes, and what it answers when asked, until
// all watched tasks have ended.
func (c *Client) follow(ctx context.Context, w *watched, changes <-chan runtime.TaskRecord) error {
	poll := time.NewTicker(c.o.PollEvery)
	defer poll.Stop()
	patience, heard := outage, time.Now()
	for ask := changes == nil; len(w.open) > 0 && w.gone == ""; {
		if ask {
			switch err := c.ask(ctx, w); {
			case err == nil:
				heard = time.Now()
			case ctx.Err() != nil: // the select below says so
			case !errors.Is(err, runtime.ErrUnavailable) || time.Since(heard) >= patience:
				return fmt.Errorf("wait for tasks: %w", err)
			}
			ask = false
			continue
		}
		select {
		case t, ok := <-changes:
			if ok {
				w.see(t)
				continue
			}
			// The push ends before its context only when the store is closed: one
			// last question.
			changes, patience, ask = nil, 0, true
		case <-poll.C:
			ask = true
		case <-ctx.Done():
			return &TimeoutError{Last: w.records(), Cause: ctx.Err()}
		}
	}
	return w.lost()
}

// ask reads the records of the tasks that have not ended.
func (c *Client) ask(ctx context.Context, w *watched) error {
	ids := slices.Collect(maps.Keys(w.open))
	recs, err := c.backend.Results.Get(ctx, ids)
	for i, t := range recs {
		t.ID = ids[i] // an unknown task has an empty record
		w.see(t)
	}
	return err
}
