// Package traced is a driver as somebody outside of stem would write it, in a
// module of its own: it opens any other store and tells what the broker is asked
// for and how long that took.
//
//	import _ "example.org/traced"
//
//	runtime.Open(ctx, "traced:sqlite:///srv/stem.db", runtime.OpenOptions{})
//
// It shows that the public packages are enough to write a driver and to hold it
// against the conformance suite. It imports pkg/runtime.
package traced

import (
	"context"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func init() { runtime.Register(Driver{}) }

// Driver opens stores behind a trace.
type Driver struct {
	// Trace is told of each call of the broker, from many goroutines. Nil is
	// told nothing.
	Trace func(method string, items int, took time.Duration)
}

// Schemes returns "traced".
func (Driver) Schemes() []string { return []string{"traced"} }

// Open opens the store whose URL follows the scheme.
//
//   - Errors: what that store's driver says.
func (d Driver) Open(ctx context.Context, storeURL string, o runtime.OpenOptions) (*runtime.Backend, error) {
	inner := strings.TrimPrefix(storeURL, "traced:")
	b, err := runtime.Open(ctx, inner, o)
	if err != nil {
		return nil, err
	}
	b.Info.Driver = "traced " + b.Info.Driver
	if d.Trace != nil && b.Broker != nil {
		b.Broker = broker{b.Broker, d.Trace}
	}
	return b, nil
}

// broker tells what it is asked for; what it does not name, it passes on.
type broker struct {
	runtime.Broker
	trace func(method string, items int, took time.Duration)
}

// told is deferred, so that its second half runs when the call has returned.
func (b broker) told(method string, items *int) func() {
	began := time.Now()
	return func() { b.trace(method, *items, time.Since(began)) }
}

func (b broker) Publish(ctx context.Context, e *runtime.Effects) (rs []runtime.PublishResult, err error) {
	n := len(e.Publish)
	defer b.told("Publish", &n)()
	return b.Broker.Publish(ctx, e)
}

func (b broker) Receive(ctx context.Context, r runtime.Receive) (ds []runtime.Delivery, err error) {
	n := 0
	defer b.told("Receive", &n)()
	ds, err = b.Broker.Receive(ctx, r)
	n = len(ds)
	return ds, err
}

func (b broker) Settle(ctx context.Context, c runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
	n := len(ss)
	defer b.told("Settle", &n)()
	return b.Broker.Settle(ctx, c, ss)
}
