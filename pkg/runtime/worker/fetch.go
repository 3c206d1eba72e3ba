package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// fetchWait is how long one Receive blocks in the store when there is nothing.
const fetchWait = 5 * time.Second

// fetchUntilAsked runs the one reader of this worker until a drain is asked for,
// or the store refuses for good.
func (s *shift) fetchUntilAsked() error {
	ctx, cancel := context.WithCancel(s.ops)
	defer cancel()
	go func() {
		select {
		case <-s.asked[runtime.DrainWarm]:
			cancel()
		case <-ctx.Done():
		}
	}()
	s.followFirst(ctx)
	s.log.Info("worker ready", "queues", s.queueNames(), "concurrency", s.o.Concurrency)
	s.signal(runtime.Signal{Name: runtime.SignalWorkerReady})
	trouble := s.outage("fetch tasks")
	for ctx.Err() == nil {
		err := s.fetch(ctx)
		switch {
		case err == nil:
			trouble.over()
		case ctx.Err() != nil:
		case errors.Is(err, runtime.ErrInvalid) || errors.Is(err, runtime.ErrUnsupported):
			return fmt.Errorf("fetch tasks: %w", err)
		default:
			trouble.wait(ctx, err)
		}
	}
	return nil
}

// fetch takes at most what there is room for, once.
func (s *shift) fetch(ctx context.Context) error {
	asked := s.slots.vacancy(ctx)
	if asked == 0 {
		return nil
	}
	receiving, cancel := context.WithCancel(ctx)
	defer cancel()
	queues := s.pauses.open(s.o.Queues, cancel)
	if len(queues) == 0 {
		<-receiving.Done() // until a queue is resumed
		return nil
	}
	ds, err := s.broker.Receive(receiving, runtime.Receive{
		Consumer: s.me, Queues: queues, Max: asked, Lease: s.o.Lease, Wait: fetchWait,
	})
	s.takeIn(ds, asked)
	if errors.Is(err, context.Canceled) && receiving.Err() != nil {
		return nil // the queues to ask for have changed, or it is time to go
	}
	return err
}

// takeIn makes jobs of deliveries and lets them arrive.
func (s *shift) takeIn(ds []runtime.Delivery, asked int) {
	now := time.Now()
	js := make([]*job, len(ds))
	for i, d := range ds {
		js[i] = s.newJob(d, now)
	}
	s.slots.hold(js, asked)
	for _, j := range js {
		if v := j.Envelope.VisibilityTimeout; v > 0 && v < s.o.Lease {
			s.nudge(loopLeases) // it may not live until the next renewal
			break
		}
	}
	passed := js[:0]
	for _, j := range js {
		if s.arrive(j) {
			passed = append(passed, j)
		}
	}
	s.slots.enter(passed)
}
