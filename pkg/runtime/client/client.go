package client

import (
	"context"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/internal/flush"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/codec"
)

// MaxBatch is how many tasks go into one call of the store; more are cut into
// several.
const MaxBatch = 1000

// Defaults of Options.
const (
	DefaultRetries   = 3
	DefaultBackoff   = 50 * time.Millisecond
	DefaultPollEvery = 2 * time.Second
)

// Options configure a client. The zero value works.
//
//   - Registry gives the options of known tasks; a name that it does not hold
//     can be enqueued all the same.
//   - Codecs nil: the built-in encoders.
//   - Defaults are the layer of the configuration, between a task's definition
//     and runtime.DefaultOptions.
//   - Middleware: only the Enqueue functions matter here.
//   - MaxArgsBytes caps the encoded arguments, and apart from them headers and
//     meta (0: runtime.MaxArgsBytes).
//   - MaxQueueDepth bounds queues by name; a queue without an entry is not.
//   - Retries of a publish that the store was unavailable for (0:
//     DefaultRetries, negative: none), Backoff before the first, doubling.
//     Publishing is idempotent by id, so a repeat never makes two tasks.
//   - PollEvery is the fallback of Wait when the store's push fails.
type Options struct {
	Registry      *runtime.Registry
	Codecs        *codec.Registry
	Defaults      runtime.TaskOptions
	Middleware    []runtime.Middleware
	Signals       *runtime.Signals
	Clock         runtime.Clock
	MaxArgsBytes  int
	MaxQueueDepth map[string]int
	Retries       int
	Backoff       time.Duration
	PollEvery     time.Duration
}

// Client enqueues tasks into one store and waits for what becomes of them.
//
//   - Concurrency: safe for use by many goroutines. Concurrent calls of Enqueue
//     share round trips. It needs no Close; closing the backend ends its calls.
type Client struct {
	backend *runtime.Backend
	o       Options
	base    runtime.TaskOptions // Options.Defaults over runtime.DefaultOptions
	baseErr error               // what is wrong with Options.Defaults
	enqueue []enqueueFunc
	grouped flush.Batcher[runtime.Publication, runtime.PublishResult]
}

// New returns a client of an open store. A port that the backend lacks makes
// the methods that need it answer ErrUnsupported.
func New(b *runtime.Backend, o Options) *Client {
	if o.MaxArgsBytes <= 0 {
		o.MaxArgsBytes = runtime.MaxArgsBytes
	}
	if o.Retries == 0 {
		o.Retries = DefaultRetries
	}
	if o.Backoff <= 0 {
		o.Backoff = DefaultBackoff
	}
	if o.PollEvery <= 0 {
		o.PollEvery = DefaultPollEvery
	}
	c := &Client{backend: b, o: o, base: o.Defaults.Over(runtime.DefaultOptions())}
	if err := o.Defaults.Validate(); err != nil {
		c.baseErr = fmt.Errorf("default options: %w", err)
	}
	for _, m := range o.Middleware {
		if m.Enqueue != nil {
			c.enqueue = append(c.enqueue, m.Enqueue)
		}
	}
	c.grouped.Flush = func(ctx context.Context, ps []runtime.Publication) ([]runtime.PublishResult, error) {
		return c.store(ctx, &runtime.Effects{Publish: ps})
	}
	return c
}
