package runtimetest

import (
	"context"
	"sync"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

// Recorder keeps what is enqueued and runs nothing. Requests are routed,
// checked and encoded as always, so a wrong one fails as it would in production.
//
//   - Concurrency: safe for use by many goroutines.
type Recorder struct {
	*client.Client
	broker *recording
}

// NewRecorder returns a recorder; o are the options of its client.
func NewRecorder(o client.Options) *Recorder {
	b := &recording{}
	return &Recorder{Client: client.New(&runtime.Backend{Broker: b}, o), broker: b}
}

// Enqueued returns all tasks so far, in order.
func (r *Recorder) Enqueued() []runtime.Publication {
	r.broker.mu.Lock()
	defer r.broker.mu.Unlock()
	return append([]runtime.Publication(nil), r.broker.tasks...)
}

// Reset forgets them.
func (r *Recorder) Reset() {
	r.broker.mu.Lock()
	defer r.broker.mu.Unlock()
	r.broker.tasks, r.broker.ids = nil, nil
}

// recording is a broker that only takes in.
type recording struct {
	runtime.Broker // nil: nobody receives from it

	mu    sync.Mutex
	tasks []runtime.Publication
	ids   map[string]bool
}

func (b *recording) Publish(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ids == nil {
		b.ids = map[string]bool{}
	}
	out := make([]runtime.PublishResult, len(e.Publish))
	for i, p := range e.Publish {
		out[i] = b.publish(p)
	}
	return out, nil
}

func (b *recording) publish(p runtime.Publication) runtime.PublishResult {
	if err := p.Validate(); err != nil {
		return runtime.PublishResult{Status: runtime.Invalid, Err: err}
	}
	id := p.Envelope.ID
	if b.ids[id] {
		return runtime.PublishResult{Status: runtime.Exists, ID: id}
	}
	b.ids[id] = true
	b.tasks = append(b.tasks, p)
	return runtime.PublishResult{Status: runtime.Accepted, ID: id}
}
