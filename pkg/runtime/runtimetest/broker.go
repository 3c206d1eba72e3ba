package runtimetest

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Inject returns a backend that is b with faults between it and its callers, in
// the broker, the heartbeats, the directives and the progress of tasks. Without
// any planned it is b.
func Inject(b *runtime.Backend) (*runtime.Backend, *Faults) {
	f := &Faults{}
	out := *b
	out.Broker = broker{b.Broker, f}
	if b.Heartbeats != nil {
		out.Heartbeats = heartbeats{b.Heartbeats, f}
	}
	if b.Directives != nil {
		out.Directives = directives{b.Directives, f}
	}
	if b.Results != nil {
		out.Results = results{b.Results, f}
	}
	return &out, f
}

type broker struct {
	inner runtime.Broker
	f     *Faults
}

func (b broker) Publish(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
	return through(ctx, b.f, "Broker.Publish", func() ([]runtime.PublishResult, error) { return b.inner.Publish(ctx, e) })
}

func (b broker) Receive(ctx context.Context, r runtime.Receive) ([]runtime.Delivery, error) {
	return through(ctx, b.f, "Broker.Receive", func() ([]runtime.Delivery, error) { return b.inner.Receive(ctx, r) })
}

func (b broker) Admit(ctx context.Context, c runtime.Consumer, as []runtime.Admission) ([]runtime.Verdict, error) {
	return through(ctx, b.f, "Broker.Admit", func() ([]runtime.Verdict, error) { return b.inner.Admit(ctx, c, as) })
}

func (b broker) Extend(ctx context.Context, c runtime.Consumer, held []runtime.Lease, lease time.Duration) (runtime.Extended, error) {
	return through(ctx, b.f, "Broker.Extend", func() (runtime.Extended, error) { return b.inner.Extend(ctx, c, held, lease) })
}

func (b broker) Settle(ctx context.Context, c runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
	return through(ctx, b.f, "Broker.Settle", func() ([]runtime.SettleResult, error) { return b.inner.Settle(ctx, c, ss) })
}

func (b broker) Cancel(ctx context.Context, rs []runtime.Revocation) ([]runtime.CancelResult, error) {
	return through(ctx, b.f, "Broker.Cancel", func() ([]runtime.CancelResult, error) { return b.inner.Cancel(ctx, rs) })
}

func (b broker) Recover(ctx context.Context, r runtime.Recover) (runtime.Recovered, error) {
	return through(ctx, b.f, "Broker.Recover", func() (runtime.Recovered, error) { return b.inner.Recover(ctx, r) })
}

type heartbeats struct {
	runtime.Heartbeats
	f *Faults
}

func (h heartbeats) Beat(ctx context.Context, beat runtime.Heartbeat, ttl time.Duration) error {
	_, err := through(ctx, h.f, "Heartbeats.Beat", func() (struct{}, error) { return struct{}{}, h.Heartbeats.Beat(ctx, beat, ttl) })
	return err
}

type directives struct {
	runtime.Directives
	f *Faults
}

func (d directives) Since(ctx context.Context, version int64) ([]runtime.Directive, error) {
	return through(ctx, d.f, "Directives.Since", func() ([]runtime.Directive, error) { return d.Directives.Since(ctx, version) })
}

type results struct {
	runtime.Results
	f *Faults
}

func (r results) Progress(ctx context.Context, c runtime.Consumer, ps []runtime.Progress) ([]runtime.Lease, error) {
	return through(ctx, r.f, "Results.Progress", func() ([]runtime.Lease, error) { return r.Results.Progress(ctx, c, ps) })
}
