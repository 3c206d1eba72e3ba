package client

import (
	"context"
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Enqueue puts one task into the store and returns what became of it.
//
//   - Shapes: Accepted; Exists when the id is known (nothing changed, also when
//     a publish was repeated because its reply was lost); Duplicate with the
//     owner's id when its unique key is taken. These are not errors.
//   - Errors: ErrInvalid (the request), *codec.UnknownError, ErrFull (the queue
//     or the disk), ErrUnavailable; what a middleware returns; ctx.Err(), and
//     then the task may be in the store or not: repeat with the same id.
//   - Concurrency: calls that meet share a round trip.
func (c *Client) Enqueue(ctx context.Context, r runtime.Request) (runtime.PublishResult, error) {
	p, err := c.Prepare(ctx, r)
	if err != nil {
		return invalid(r.ID, err), err
	}
	task := newOutgoing(p)
	err = c.through(ctx, []*outgoing{task}, func(ctx context.Context, _ []*outgoing) ([]runtime.PublishResult, error) {
		result, err := c.grouped.Do(ctx, task.pub)
		return []runtime.PublishResult{result}, err
	})
	if err == nil {
		err = task.result.Err
	}
	if err != nil {
		err = fmt.Errorf("enqueue %s: %w", r.Name, err)
	}
	return task.result, err
}

// EnqueueMany puts tasks into the store, in order and in chunks of MaxBatch,
// and returns a result for each.
//
//   - A request that is wrong, or that a middleware keeps back, is Invalid with
//     its Err, one for which its queue has no room is Full; the others are
//     stored.
//   - Errors: of the store, as Enqueue. The results tell what was stored before
//     it; a task with Status 0 may be stored or not: repeat it with its ID.
func (c *Client) EnqueueMany(ctx context.Context, rs []runtime.Request) ([]runtime.PublishResult, error) {
	results := make([]runtime.PublishResult, 0, len(rs))
	for len(rs) > 0 {
		n := min(len(rs), MaxBatch)
		chunk, err := c.enqueueChunk(ctx, rs[:n])
		results, rs = append(results, chunk...), rs[n:]
		if err != nil {
			for _, r := range rs {
				results = append(results, runtime.PublishResult{ID: r.ID})
			}
			return results, fmt.Errorf("enqueue %d tasks: %w", len(results), err)
		}
	}
	return results, nil
}

func (c *Client) enqueueChunk(ctx context.Context, rs []runtime.Request) ([]runtime.PublishResult, error) {
	results := make([]runtime.PublishResult, len(rs))
	tasks := make([]*outgoing, 0, len(rs))
	places := make([]int, 0, len(rs))
	for i, r := range rs {
		p, err := c.Prepare(ctx, r)
		if err != nil {
			results[i] = invalid(r.ID, err)
			continue
		}
		tasks, places = append(tasks, newOutgoing(p)), append(places, i)
	}
	err := c.through(ctx, tasks, func(ctx context.Context, kept []*outgoing) ([]runtime.PublishResult, error) {
		return c.store(ctx, &runtime.Effects{Publish: publications(kept)})
	})
	for i, t := range tasks {
		results[places[i]] = t.result
	}
	return results, err
}

// Publish stores prepared tasks and groups in one step, all or none: what
// chains and groups are built on. It returns a result for each task.
//
//   - Errors: as Enqueue. A middleware that keeps one task back keeps all back.
func (c *Client) Publish(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
	return c.together(ctx, e, func(ctx context.Context) ([]runtime.PublishResult, error) {
		return c.store(ctx, e)
	})
}

// EnqueueTx enqueues inside the caller's transaction: the tasks exist if and
// when it commits. Call Wake after the commit, or workers find them at their
// next poll.
//
//   - Shapes: tx is a *sql.Tx (SQLite, Postgres) or a pgx.Tx on the store's own
//     database.
//   - Errors: ErrUnsupported when the store has no transactions or does not know
//     this kind; ErrInvalid when any request is wrong, before anything is
//     written; ErrFull. After an error roll back.
//   - The signal after-task-publish is sent before the commit.
func (c *Client) EnqueueTx(ctx context.Context, tx any, rs ...runtime.Request) ([]runtime.PublishResult, error) {
	if c.backend.Tx == nil {
		return nil, c.noTransactions()
	}
	e := &runtime.Effects{Publish: make([]runtime.Publication, len(rs))}
	for i, r := range rs {
		p, err := c.Prepare(ctx, r)
		if err != nil {
			return nil, err
		}
		e.Publish[i] = p
	}
	results, err := c.together(ctx, e, func(ctx context.Context) ([]runtime.PublishResult, error) {
		return c.backend.Tx.PublishTx(ctx, tx, e)
	})
	if err != nil {
		return results, fmt.Errorf("enqueue in transaction: %w", err)
	}
	for i, r := range results {
		if r.Err != nil {
			return results, fmt.Errorf("enqueue %s in transaction: %w", rs[i].Name, r.Err)
		}
	}
	return results, nil
}

// Wake tells workers that queues have work, after the commit of EnqueueTx.
//
//   - Errors: ErrUnsupported, ErrUnavailable; safe to ignore.
func (c *Client) Wake(ctx context.Context, queues ...string) error {
	if c.backend.Tx == nil {
		return c.noTransactions()
	}
	return c.backend.Tx.Wake(ctx, queues)
}

// together publishes all tasks of e by one send, or none.
func (c *Client) together(ctx context.Context, e *runtime.Effects, send func(context.Context) ([]runtime.PublishResult, error)) ([]runtime.PublishResult, error) {
	tasks := make([]*outgoing, len(e.Publish))
	for i, p := range e.Publish {
		tasks[i] = newOutgoing(p)
	}
	err := c.through(ctx, tasks, func(ctx context.Context, kept []*outgoing) ([]runtime.PublishResult, error) {
		if len(kept) < len(tasks) {
			return nil, firstVeto(tasks)
		}
		return send(ctx)
	})
	if err == nil {
		err = firstVeto(tasks)
	}
	results := make([]runtime.PublishResult, len(tasks))
	for i, t := range tasks {
		results[i] = t.result
	}
	return results, err
}

func invalid(id string, err error) runtime.PublishResult {
	return runtime.PublishResult{Status: runtime.Invalid, ID: id, Err: err}
}

func (c *Client) noTransactions() error {
	return &runtime.Error{
		Code:    runtime.CodeUnsupported,
		Message: "the " + c.backend.Info.Driver + " store cannot enqueue inside a transaction",
		Hint:    "use the SQLite or Postgres store that holds your own tables, too",
	}
}
