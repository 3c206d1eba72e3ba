package client

import (
	"context"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// producer is the sender of the signals of a client.
const producer = "stem"

// through takes tasks through signals and middleware to send, and leaves each
// task's fate in its result. The error is the store's; it concerns all tasks
// that the middleware let pass.
func (c *Client) through(ctx context.Context, tasks []*outgoing, send sendFunc) error {
	p := &passage{client: c, tasks: tasks, send: send}
	c.announce(ctx, tasks)
	if len(c.enqueue) == 0 {
		p.letAllPass(ctx)
	} else {
		p.from(ctx, 0)
	}
	c.report(ctx, tasks, p.err)
	return p.err
}

// passage is one trip of tasks to the store. The middleware of task 1 runs
// inside that of task 0, and so on, so that every middleware is around the
// one send that carries them all.
type passage struct {
	client *Client
	tasks  []*outgoing
	send   sendFunc
	err    error
}

func (p *passage) letAllPass(ctx context.Context) {
	for _, t := range p.tasks {
		t.kept = true
	}
	p.deliver(ctx, p.tasks)
}

// from runs the middleware of task i around everything that comes after it.
func (p *passage) from(ctx context.Context, i int) {
	if i == len(p.tasks) {
		p.deliver(ctx, p.passed())
		return
	}
	t := p.tasks[i]
	err := p.client.chain(ctx, t.pub.Envelope, p.client.enqueue, func(inner context.Context) error {
		if !t.kept { // calling next twice must not publish twice
			t.kept = true
			p.from(p.contextFor(ctx, inner), i+1)
		}
		if p.err != nil {
			return p.err
		}
		return t.result.Err
	})
	if !t.kept {
		t.hold(err)
		p.from(ctx, i+1)
	}
}

// contextFor is the context of what follows a middleware: the one it passed on
// when its task goes alone. Of several tasks none may put its values (its trace
// span, say) into the others' context.
func (p *passage) contextFor(outer, inner context.Context) context.Context {
	if len(p.tasks) == 1 {
		return inner
	}
	return outer
}

func (p *passage) passed() []*outgoing {
	var kept []*outgoing
	for _, t := range p.tasks {
		if t.kept {
			kept = append(kept, t)
		}
	}
	return kept
}

func (p *passage) deliver(ctx context.Context, kept []*outgoing) {
	if len(kept) == 0 && len(p.tasks) > 0 {
		return // all were kept back
	}
	results, err := p.send(ctx, kept)
	if err != nil {
		p.err = err
		return
	}
	for i, t := range kept {
		t.answer(results[i])
	}
}

// chain runs ms, the first outermost, around last.
func (c *Client) chain(ctx context.Context, e *runtime.Envelope, ms []enqueueFunc, last func(context.Context) error) error {
	if len(ms) == 0 {
		return last(ctx)
	}
	return ms[0](ctx, e, func(ctx context.Context) error {
		return c.chain(ctx, e, ms[1:], last)
	})
}

// announce emits before-task-publish for each task.
func (c *Client) announce(ctx context.Context, tasks []*outgoing) {
	if !c.o.Signals.Wants(runtime.SignalBeforePublish) {
		return
	}
	for _, t := range tasks {
		c.o.Signals.Emit(ctx, runtime.Signal{
			Name: runtime.SignalBeforePublish, Sender: producer, At: c.o.Clock.Now(), Envelope: t.pub.Envelope,
		})
	}
}

// report emits after-task-publish for each task, with what kept it from being
// stored, if anything did.
func (c *Client) report(ctx context.Context, tasks []*outgoing, storeErr error) {
	if !c.o.Signals.Wants(runtime.SignalAfterPublish) {
		return
	}
	for _, t := range tasks {
		err := t.result.Err
		if err == nil && t.kept {
			err = storeErr
		}
		c.o.Signals.Emit(ctx, runtime.Signal{
			Name: runtime.SignalAfterPublish, Sender: producer, At: c.o.Clock.Now(), Envelope: t.pub.Envelope,
			Err: err, Reason: t.result.Status.String(),
		})
	}
}
