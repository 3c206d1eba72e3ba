package drivertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// How a worker waits, and everything that has to wake it: the cases of
// receive.go about waiting.

func receiveWaits(e *env) {
	const wait = 30 * time.Millisecond
	r := receiveFrom(w1, 10)
	r.Wait = wait
	start := time.Now()
	if ds := e.receiveWith(r); len(ds) != 0 {
		e.Fatalf("receive: %s; want nothing", brief(deliveredIDs(ds)))
	}
	if d := time.Since(start); d < wait/2 {
		e.Fatalf("it waited %s; want %s", d, wait)
	}
}

// received is the answer to a Receive in another goroutine.
type received struct {
	ds  []runtime.Delivery
	err error
}

// waiting receives on b in a goroutine and waits up to 20 seconds for a task.
func (e *env) waiting(ctx context.Context, b *runtime.Backend, c runtime.Consumer, queues ...string) <-chan received {
	r := receiveFrom(c, 10, queues...)
	r.Wait = 20 * time.Second
	out := make(chan received, 1)
	go func() {
		ds, err := b.Broker.Receive(ctx, r)
		out <- received{ds, err}
	}()
	return out
}

// woken asks that a waiting Receive gets these tasks, and soon.
func (e *env) woken(out <-chan received, ids ...string) []runtime.Delivery {
	e.Helper()
	select {
	case r := <-out:
		e.ok(r.err, "receive")
		e.wantIDs(deliveredIDs(r.ds), ids...)
		return r.ds
	case <-time.After(10 * time.Second):
		e.Fatalf("receive was not woken within 10s; want %s", brief(ids))
		return nil
	}
}

// asleep gives a Receive in another goroutine the time to begin its wait. The
// cases hold without it; it makes them test the waking and not the first look.
func asleep() { <-time.After(20 * time.Millisecond) }

func receiveWokenByPublish(e *env) {
	out := e.waiting(e.ctx, e.Backend, w1)
	asleep()
	e.acceptPlain("a")
	e.woken(out, "a")
}

func receiveWokenAcross(e *env) {
	out := e.waiting(e.ctx, e.open(), w1)
	asleep()
	e.acceptPlain("a")
	e.woken(out, "a")
}

func receiveWokenByRelease(e *env) {
	e.acceptPlain("a")
	d := e.takeOne("a")
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.end(runtime.Released, d)
	e.woken(out, "a")
}

func receiveWokenByPromotion(e *env) {
	e.accept(e.task("a", due(e.after(time.Minute))))
	out := e.waiting(e.ctx, e.open(), w1)
	asleep()
	e.pass(time.Minute)
	e.woken(out, "a")
}

func receiveWokenByFollowUp(e *env) {
	e.accept(e.task("a", inQueue("other")))
	d := e.receive(1, "other")[0]
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.settled(leaving(as(d, runtime.Succeeded), e.task("next")))
	e.woken(out, "next")
}

func receiveWokenBySlot(e *env) {
	e.acceptPlain("a", "b")
	ds := e.take("a", "b")
	e.runs(slots(1), ds[0])
	e.waits(slots(1), ds[1])
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.end(runtime.Succeeded, ds[0])
	e.woken(out, "b")
}

func receiveWokenByReclaim(e *env) {
	e.acceptPlain("a")
	e.takeOne("a")
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.pass(lease + time.Second)
	e.woken(out, "a")
}

func receiveWokenByUnpark(e *env) {
	e.park(e.task("a"))
	out := e.waiting(e.ctx, e.open(), w2)
	asleep()
	e.recoverWith(runtime.Recover{Known: []string{"demo.add"}, Queues: []string{queue}})
	e.woken(out, "a")
}

func receiveLastQueue(e *env) {
	out := e.waiting(e.ctx, e.Backend, w1, "x", "y", "z")
	asleep()
	e.accept(e.task("other", inQueue("elsewhere")))
	e.accept(e.task("a", inQueue("z")))
	e.woken(out, "a")
}

func receiveContext(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	out := e.waiting(ctx, e.Backend, w1)
	asleep()
	cancel()
	select {
	case r := <-out:
		if !errors.Is(r.err, context.Canceled) {
			e.Fatalf("receive: %v; want context.Canceled", r.err)
		}
	case <-time.After(10 * time.Second):
		e.Fatal("receive outlives its context")
	}
}

func receiveClosed(e *env) {
	b := e.open()
	out := e.waiting(e.ctx, b, w1)
	asleep()
	e.ok(b.Close(), "close")
	select {
	case r := <-out:
		e.fails(r.err, runtime.ErrUnavailable, "receive from a store that is closed")
	case <-time.After(10 * time.Second):
		e.Fatal("receive outlives its store")
	}
}

// A wake-up goes to whoever is quick; the others find nothing and sleep on.
func receiveOneForMany(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	got := make(chan received, 8)
	other := e.open()
	for i := range 8 {
		b := e.Backend
		if i%2 == 1 {
			b = other
		}
		out := e.waiting(ctx, b, runtime.Consumer{Worker: fmt.Sprint("w", i), Incarnation: "1"})
		go func() { got <- <-out }()
	}
	asleep()
	e.acceptPlain("a")
	e.woken(got, "a")
	cancel()
	for range 7 {
		if r := <-got; len(r.ds) != 0 {
			e.Fatalf("a second worker got %s", brief(deliveredIDs(r.ds)))
		}
	}
}
