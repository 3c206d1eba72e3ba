package runtime

import (
	"context"
	"encoding/json"
)

// Middleware wraps what stem does with tasks. Nil functions are skipped; the
// first in a list is the outermost.
//
//   - Enqueue runs around the publication of one envelope, after it is prepared;
//     returning without calling next keeps it from being published, and the
//     error says why. After next the store's word stands, whatever it returns.
//   - Consume runs before a delivery is executed; an error that is not from next
//     fails the attempt as if the handler had returned it.
//   - Execute runs around the handler and sees, and may replace, its result.
//   - Error sees the error of a failed attempt and returns what is to be handled
//     in its place; nil turns the failure into success with a null result.
type Middleware struct {
	Enqueue func(ctx context.Context, e *Envelope, next func(context.Context) error) error
	Consume func(ctx context.Context, d *Delivery, next func(context.Context) error) error
	Execute func(ctx context.Context, t *Task, next HandlerFunc) (json.RawMessage, error)
	Error   func(ctx context.Context, t *Task, err error) error
}
