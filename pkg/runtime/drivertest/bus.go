package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var busCases = []testCase{
	{"01_ReachesEverySubscriber", busBroadcast},
	{"02_OrderWithinAChannel", busOrder},
	{"03_OnlyItsChannels", busChannels},
	{"04_EphemeralBeginsNow", busFromNow},
	{"05_FromATime", busFrom},
	{"06_DurableCursorSurvives", busDurable},
	{"07_NewDurableBeginsNow", busDurableNew},
	{"08_UncommittedComesAgain", busUncommitted},
	{"09_CursorsAreIndependent", busCursors},
	{"10_ExpiredIsHidden", busExpired},
	{"11_SameIDIsStoredOnce", busIdempotent},
	{"12_TrimRemovesTheOld", busTrim},
	{"13_SendWakes", busWakes},
	{"14_SendOfAnotherProcessWakes", busWakesAcross},
	{"15_ContextEndsTheWait", busContext},
	{"16_CloseEndsTheWait", busClose},
	{"17_MessageIsChecked", busInvalid},
	{"18_EverythingComesBack", busRoundTrip},
	{"19_PagesOfAHundred", busPages},
	{"20_CommitWithoutAName", busCommitEphemeral},
	{"21_ClosedStoreEndsTheWait", busStoreClosed},
	{"22_WhatNobodyEndsGoesByItself", busKept},
	{"23_ForgottenCursorBeginsAgain", busForgotten},
}

func (e *env) send(channel string, ids ...string) {
	e.Helper()
	var ms []runtime.Message
	for _, id := range ids {
		ms = append(ms, runtime.Message{ID: id, Channel: channel, Body: []byte("body of " + id), Sent: e.clock.Now()})
	}
	e.ok(e.Bus.Send(e.ctx, ms), "send")
}

func (e *env) subscribe(s runtime.Subscription) runtime.Subscriber {
	e.Helper()
	sub, err := e.Bus.Subscribe(e.ctx, s)
	e.ok(err, "subscribe")
	e.Cleanup(func() { _ = sub.Close() })
	return sub
}

func (e *env) listen(channels ...string) runtime.Subscriber {
	e.Helper()
	return e.subscribe(runtime.Subscription{Channels: channels})
}

// heard reads exactly these messages.
func (e *env) heard(s runtime.Subscriber, want ...string) []runtime.Message {
	e.Helper()
	ctx, cancel := context.WithTimeout(e.ctx, 10*time.Second)
	defer cancel()
	var ms []runtime.Message
	for len(ms) < len(want) {
		more, err := s.Next(ctx)
		if err != nil {
			e.Fatalf("next: %v; heard %s, want %s", err, brief(messageIDs(ms)), brief(want))
		}
		ms = append(ms, more...)
	}
	e.wantIDs(messageIDs(ms), want...)
	return ms
}

// silent asks that there is nothing to hear.
func (e *env) silent(s runtime.Subscriber) {
	e.Helper()
	ctx, cancel := context.WithTimeout(e.ctx, 30*time.Millisecond)
	defer cancel()
	if ms, err := s.Next(ctx); len(ms) != 0 {
		e.Fatalf("heard %s; want silence", brief(messageIDs(ms)))
	} else if !errors.Is(err, context.DeadlineExceeded) {
		e.Fatalf("next: %v; want the end of its context", err)
	}
}

func messageIDs(ms []runtime.Message) []string {
	var ids []string
	for _, m := range ms {
		ids = append(ids, m.ID)
	}
	return ids
}

func busBroadcast(e *env) {
	other := e.from(e.open())
	subs := []runtime.Subscriber{e.listen("c"), e.listen("c"), other.listen("c"), other.listen("c", "d")}
	e.send("c", "a")
	other.send("c", "b")
	for _, s := range subs {
		e.heard(s, "a", "b")
	}
}

func busOrder(e *env) {
	other := e.from(e.open())
	s := e.listen("c")
	var want []string
	for i := range 30 {
		id := fmt.Sprintf("m%02d", i)
		want = append(want, id)
		if i%2 == 0 {
			e.send("c", id)
		} else {
			other.send("c", id)
		}
	}
	ms := e.heard(s, want...)
	for i := 1; i < len(ms); i++ {
		if ms[i-1].Position >= ms[i].Position {
			e.Fatalf("position %q is not before %q", ms[i-1].Position, ms[i].Position)
		}
	}
}

func busChannels(e *env) {
	s := e.listen("c", "d")
	e.send("x", "1")
	e.send("c", "2")
	e.send("d", "3")
	e.send("c.sub", "4")
	e.send("c", "5")
	got := e.heardAny(s, 3)
	e.wantIDs(sorted(got), "2", "3", "5")
	e.silent(s)
}

// heardAny reads n messages of several channels, whose order among each other is
// open.
func (e *env) heardAny(s runtime.Subscriber, n int) []string {
	e.Helper()
	ctx, cancel := context.WithTimeout(e.ctx, 10*time.Second)
	defer cancel()
	var ids []string
	for len(ids) < n {
		ms, err := s.Next(ctx)
		e.ok(err, "next")
		ids = append(ids, messageIDs(ms)...)
	}
	return ids
}

func busFromNow(e *env) {
	e.send("c", "before")
	s := e.listen("c")
	e.silent(s)
	e.send("c", "after")
	e.heard(s, "after")
}

func busFrom(e *env) {
	e.send("c", "1")
	e.clock.Advance(time.Minute)
	from := e.clock.Now()
	e.send("c", "2")
	e.clock.Advance(time.Minute)
	e.send("c", "3")
	e.heard(e.subscribe(runtime.Subscription{Channels: []string{"c"}, From: from}), "2", "3")
	e.heard(e.subscribe(runtime.Subscription{Channels: []string{"c"}, Name: "n", From: from}), "2", "3")
}

func durable(name string) runtime.Subscription {
	return runtime.Subscription{Channels: []string{"c"}, Name: name}
}

func busDurable(e *env) {
	b := e.open()
	s := e.from(b).subscribe(durable("n"))
	e.send("c", "1", "2", "3")
	ms := e.heard(s, "1", "2", "3")
	e.ok(s.Commit(e.ctx, ms[1]), "commit")
	e.ok(s.Close(), "close")
	e.ok(b.Close(), "close the store")
	e.send("c", "4")
	again := e.from(e.open()).subscribe(durable("n"))
	e.heard(again, "3", "4")
}

func busDurableNew(e *env) {
	e.send("c", "before")
	s := e.subscribe(durable("n"))
	e.send("c", "after")
	e.heard(s, "after")
}

func busUncommitted(e *env) {
	s := e.subscribe(durable("n"))
	e.send("c", "1", "2")
	e.heard(s, "1", "2")
	e.ok(s.Close(), "close")
	e.heard(e.subscribe(durable("n")), "1", "2")
}

func busCursors(e *env) {
	a, b := e.subscribe(durable("a")), e.subscribe(durable("b"))
	e.send("c", "1", "2")
	ms := e.heard(a, "1", "2")
	e.ok(a.Commit(e.ctx, ms[1]), "commit")
	e.heard(b, "1", "2")
	e.ok(a.Close(), "close")
	e.ok(b.Close(), "close")
	e.send("c", "3")
	e.heard(e.subscribe(durable("a")), "3")
	e.heard(e.subscribe(durable("b")), "1", "2", "3")
}

func busExpired(e *env) {
	from := e.clock.Now()
	m := runtime.Message{ID: "stale", Channel: "c", Sent: from, Expires: e.after(time.Minute)}
	e.ok(e.Bus.Send(e.ctx, []runtime.Message{m}), "send")
	e.send("c", "lasting")
	e.heard(e.subscribe(runtime.Subscription{Channels: []string{"c"}, From: from}), "stale", "lasting")
	e.clock.Advance(2 * time.Minute)
	e.heard(e.subscribe(runtime.Subscription{Channels: []string{"c"}, From: from}), "lasting")
}

func busIdempotent(e *env) {
	s := e.listen("c", "d")
	e.send("c", "1", "1")
	e.send("c", "1")
	e.send("c", "2")
	e.heard(s, "1", "2")
	e.send("d", "1")
	e.heard(s, "1")
	e.silent(s)
}

func busTrim(e *env) {
	from := e.clock.Now()
	e.send("c", "1", "2")
	e.send("d", "3")
	e.clock.Advance(time.Minute)
	mid := e.clock.Now()
	e.send("c", "4")
	e.trimmed("c", mid, 2)
	e.trimmed("c", mid, 0)
	all := runtime.Subscription{Channels: []string{"c", "d"}, From: from}
	e.wantIDs(sorted(e.heardAny(e.subscribe(all), 2)), "3", "4")
	e.trimmed("", e.after(time.Hour), 2)
	e.silent(e.subscribe(all))
}

func (e *env) trimmed(channel string, before time.Time, want int) {
	e.Helper()
	n, err := e.Bus.Trim(e.ctx, channel, before)
	e.ok(err, "trim")
	if n != want {
		e.Fatalf("trimmed %d of %q; want %d", n, channel, want)
	}
}

// hearing waits for the next message in a goroutine.
func hearing(ctx context.Context, s runtime.Subscriber) <-chan error {
	out := make(chan error, 1)
	go func() {
		ms, err := s.Next(ctx)
		if err == nil && len(ms) != 1 {
			err = fmt.Errorf("%d messages", len(ms))
		}
		out <- err
	}()
	return out
}

// soon is what a goroutine has to say, within ten seconds.
func (e *env) soon(out <-chan error) error {
	e.Helper()
	select {
	case err := <-out:
		return err
	case <-time.After(10 * time.Second):
		e.Fatal("nothing happens for 10s")
		return nil
	}
}

func busWakes(e *env) {
	out := hearing(e.ctx, e.listen("c"))
	asleep()
	e.send("c", "1")
	e.ok(e.soon(out), "next")
}

func busWakesAcross(e *env) {
	out := hearing(e.ctx, e.from(e.open()).listen("c"))
	asleep()
	e.send("c", "1")
	e.ok(e.soon(out), "next")
}

func busContext(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	out := hearing(ctx, e.listen("c"))
	asleep()
	cancel()
	if err := e.soon(out); !errors.Is(err, context.Canceled) {
		e.Fatalf("next: %v; want context.Canceled", err)
	}
}

func busClose(e *env) {
	s := e.listen("c")
	out := hearing(e.ctx, s)
	asleep()
	e.ok(s.Close(), "close")
	if err := e.soon(out); !errors.Is(err, io.EOF) {
		e.Fatalf("next: %v; want io.EOF", err)
	}
	if _, err := s.Next(e.ctx); !errors.Is(err, io.EOF) {
		e.Fatalf("next after close: %v; want io.EOF", err)
	}
	e.ok(s.Close(), "close again")
}

func busStoreClosed(e *env) {
	b := e.open()
	out := hearing(e.ctx, e.from(b).listen("c"))
	asleep()
	e.ok(b.Close(), "close the store")
	if err := e.soon(out); err == nil {
		e.Fatal("next: a message from a closed store")
	}
}

func busInvalid(e *env) {
	for why, m := range map[string]runtime.Message{
		"no id": {Channel: "c"}, "bad id": {ID: "a b", Channel: "c"}, "no channel": {ID: "a"},
	} {
		e.fails(e.Bus.Send(e.ctx, []runtime.Message{m}), runtime.ErrInvalid, "send with "+why)
	}
	_, err := e.Bus.Subscribe(e.ctx, runtime.Subscription{})
	e.fails(err, runtime.ErrInvalid, "subscribe to nothing")
}

func busRoundTrip(e *env) {
	s := e.listen("stem.control")
	in := runtime.Message{
		ID: "a.b:c_d-e", Channel: "stem.control", ReplyTo: "stem.reply:1", Body: []byte{0, 1, 0xff, '"'},
		Sent: e.clock.Now(), Expires: e.after(time.Hour),
	}
	e.ok(e.Bus.Send(e.ctx, []runtime.Message{in}), "send")
	got := e.heard(s, in.ID)[0]
	if got.Position == "" || !got.Sent.Equal(in.Sent) || !got.Expires.Equal(in.Expires) ||
		got.Channel != in.Channel || got.ReplyTo != in.ReplyTo || string(got.Body) != string(in.Body) {
		e.Fatalf("message %+v; want %+v with a position", got, in)
	}
}

func busPages(e *env) {
	ids := numbered("m", 250)
	s := e.listen("c")
	e.send("c", ids...)
	for len(ids) > 0 {
		ms, err := s.Next(e.ctx)
		e.ok(err, "next")
		if len(ms) == 0 || len(ms) > 100 {
			e.Fatalf("next returned %d messages; want 1 to 100", len(ms))
		}
		e.wantIDs(messageIDs(ms), ids[:len(ms)]...)
		ids = ids[len(ms):]
	}
}

func busCommitEphemeral(e *env) {
	s := e.listen("c")
	e.send("c", "1")
	e.ok(s.Commit(e.ctx, e.heard(s, "1")[0]), "commit without a name")
}

func busKept(e *env) {
	from := e.clock.Now()
	e.send("c", "old")
	e.ok(e.Bus.Send(e.ctx, []runtime.Message{{ID: "long", Channel: "c", Expires: e.after(2 * runtime.KeepMessages)}}), "send")
	e.pass(runtime.KeepMessages - time.Second)
	e.send("c", "new")
	sub := runtime.Subscription{Channels: []string{"c"}, From: from}
	e.heard(e.subscribe(sub), "old", "long", "new")
	e.pass(time.Second)
	e.heard(e.subscribe(sub), "long", "new")
	e.pass(2 * runtime.KeepMessages)
	e.silent(e.subscribe(sub))
}

// A durable cursor that nobody uses any more goes; who uses it keeps it.
func busForgotten(e *env) {
	e.subscribe(durable("unused"))
	used := e.subscribe(durable("used"))
	half := runtime.KeepCursors / 2
	e.send("c", "1")
	e.ok(used.Commit(e.ctx, e.heard(used, "1")[0]), "commit")
	e.pass(half)
	e.send("c", "2")
	e.ok(used.Commit(e.ctx, e.heard(used, "2")[0]), "commit")
	e.pass(half)
	e.send("c", "3")
	e.heard(e.subscribe(durable("used")), "3")
	e.silent(e.subscribe(durable("unused")))

	e.pass(2 * runtime.KeepCursors)
	e.send("c", "4")
	m := e.heard(used, "4")[0]
	e.ok(used.Commit(e.ctx, m), "commit to a cursor that has gone meanwhile")
	e.send("c", "5")
	e.heard(e.subscribe(durable("used")), "5")
}
