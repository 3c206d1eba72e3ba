package drivertest

import (
	"context"
	"errors"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var backendCases = []testCase{
	{"01_ClosesTwice", backendCloseTwice},
	{"02_ClosedIsUnavailable", backendClosed},
	{"03_SurvivesTheCloseOfAnother", backendOther},
	{"04_OutlivesAllItsOpenings", backendReopen},
	{"05_SaysWhatItIs", backendInfo},
	{"06_EndedContextDoesNothing", backendContext},
}

func backendCloseTwice(e *env) {
	b := e.open()
	e.ok(b.Close(), "close")
	e.ok(b.Close(), "close again")
}

func backendClosed(e *env) {
	b := e.open()
	e.ok(b.Close(), "close")
	_, err := b.Broker.Publish(e.ctx, &runtime.Effects{Publish: e.tasks("a")})
	e.fails(err, runtime.ErrUnavailable, "publish to a closed store")
	_, err = b.Broker.Receive(e.ctx, receiveFrom(w1, 1))
	e.fails(err, runtime.ErrUnavailable, "receive from a closed store")
	_, err = b.Results.Get(e.ctx, []string{"a"})
	e.fails(err, runtime.ErrUnavailable, "get from a closed store")
	e.unknown("a")
}

func backendOther(e *env) {
	b := e.open()
	e.from(b).acceptPlain("a")
	e.ok(b.Close(), "close")
	e.takeOne("a")
}

// What was accepted is there when somebody opens the store again; the first
// opening of the case is still there, as a process of the user's might be.
func backendReopen(e *env) {
	b := e.open()
	e.from(b).accept(e.task("a", unique("k"), priority(3)))
	d := e.from(b).takeOne("a")
	e.ok(b.Close(), "close")
	again := e.from(e.open())
	again.is("a", runtime.StateRunning, runtime.PlaceLeased)
	again.duplicate(again.task("b", unique("k")), "a")
	again.end(runtime.Succeeded, d)
}

func backendInfo(e *env) {
	i := e.Info
	if i.Driver == "" || i.URL == "" || i.URL != runtime.MaskURL(i.URL) {
		e.Fatalf("info %+v; want a driver and a URL without secrets", i)
	}
}

func backendContext(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	_, err := e.Broker.Publish(ctx, &runtime.Effects{Publish: e.tasks("a")})
	if !errors.Is(err, context.Canceled) {
		e.Fatalf("publish with an ended context: %v; want context.Canceled", err)
	}
	e.unknown("a")
	_, err = e.Broker.Receive(ctx, receiveFrom(w1, 1))
	if !errors.Is(err, context.Canceled) {
		e.Fatalf("receive with an ended context: %v; want context.Canceled", err)
	}
}
