package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	portLoops    = 2 // one settles while the other claims
	portPrefetch = rawPrefetch
	portLease    = time.Minute
)

// portSystem drives stem's Broker port with the plainest loop: what the store does, without the worker.
// It enqueues through the client, as stem does.
type portSystem struct {
	stemSystem
	stop  context.CancelFunc
	loops sync.WaitGroup
	errs  [portLoops]error
}

// portReceive asks for max tasks.
func portReceive(max int, wait time.Duration) runtime.Receive {
	return runtime.Receive{
		Consumer: runtime.Consumer{Worker: "bench", Incarnation: "1"},
		Queues:   []runtime.QueueShare{{Queue: runtime.DefaultQueue}},
		Max:      max,
		Lease:    portLease,
		Wait:     wait,
	}
}

func (p *portSystem) Start(ctx context.Context, concurrency int, handle Handler) error {
	ctx, p.stop = context.WithCancel(ctx)
	for i := range p.errs {
		p.loops.Go(func() { p.errs[i] = p.loop(ctx, concurrency+portPrefetch, handle) })
	}
	return nil
}

func (p *portSystem) Stop(context.Context) error {
	p.stop()
	p.loops.Wait()
	return errors.Join(p.errs[:]...)
}

// loop claims, runs and settles until ctx ends; what it holds then it still settles.
func (p *portSystem) loop(ctx context.Context, max int, handle Handler) error {
	broker := p.app.Backend().Broker
	receive := portReceive(max, time.Second)
	for ctx.Err() == nil {
		deliveries, err := broker.Receive(ctx, receive)
		if ctx.Err() != nil && err != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		settlements, err := runAll(deliveries, handle)
		if err != nil {
			return err
		}
		settled, err := broker.Settle(context.WithoutCancel(ctx), receive.Consumer, settlements)
		if err != nil {
			return fmt.Errorf("settle: %w", err)
		}
		for _, s := range settled {
			if s.Status != runtime.Settled {
				return fmt.Errorf("settle: status %d: %w", s.Status, s.Err)
			}
		}
	}
	return nil
}

// runAll runs deliveries one after the other and prepares their settlements.
func runAll(deliveries []runtime.Delivery, handle Handler) ([]runtime.Settlement, error) {
	settlements := make([]runtime.Settlement, len(deliveries))
	for i, d := range deliveries {
		if d.Err != nil {
			return nil, d.Err
		}
		began := time.Now()
		var p Payload
		if err := json.Unmarshal(d.Envelope.Args, &p); err != nil {
			return nil, err
		}
		payload, err := json.Marshal(handle(p))
		if err != nil {
			return nil, err
		}
		record := runtime.Record{Payload: payload, StartedAt: began, FinishedAt: time.Now()}
		body, err := record.Encode()
		if err != nil {
			return nil, err
		}
		settlements[i] = runtime.Settlement{Lease: d.Lease, Outcome: runtime.Succeeded, Result: body}
	}
	return settlements, nil
}
