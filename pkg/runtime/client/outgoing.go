package client

import (
	"context"
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// enqueueFunc is the Enqueue function of a middleware.
type enqueueFunc = func(ctx context.Context, e *runtime.Envelope, next func(context.Context) error) error

// sendFunc stores tasks and returns a result for each.
type sendFunc = func(ctx context.Context, tasks []*outgoing) ([]runtime.PublishResult, error)

// outgoing is a prepared task on its way through signals and middleware.
type outgoing struct {
	pub    runtime.Publication
	kept   bool // its middleware let it pass
	result runtime.PublishResult
}

func newOutgoing(p runtime.Publication) *outgoing {
	return &outgoing{pub: p, result: runtime.PublishResult{ID: p.Envelope.ID}}
}

// answer keeps what the store said, with an error for what was not stored.
func (t *outgoing) answer(r runtime.PublishResult) {
	t.result = r
	if r.Status == runtime.Full && r.Err == nil {
		t.result.Err = &runtime.Error{
			Code:    runtime.CodeFull,
			Message: fmt.Sprintf("queue %s is full (%d tasks)", t.pub.Envelope.Queue, t.pub.MaxDepth),
			Hint:    "try again later, add workers, or raise the queue's depth",
		}
	}
}

// hold marks a task that its middleware kept back.
func (t *outgoing) hold(err error) {
	if err == nil {
		err = runtime.Errorf(runtime.CodeInvalid, "a middleware kept the task back without saying why")
	}
	t.result = invalid(t.pub.Envelope.ID, err)
}

func publications(tasks []*outgoing) []runtime.Publication {
	ps := make([]runtime.Publication, len(tasks))
	for i, t := range tasks {
		ps[i] = t.pub
	}
	return ps
}

func firstVeto(tasks []*outgoing) error {
	for _, t := range tasks {
		if !t.kept {
			return t.result.Err
		}
	}
	return nil
}
