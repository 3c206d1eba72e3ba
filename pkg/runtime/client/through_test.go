package client_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

// journal writes down what happens, in order.
type journal []string

func (j *journal) add(format string, args ...any) { *j = append(*j, fmt.Sprintf(format, args...)) }

func (j *journal) middleware(name string) runtime.Middleware {
	return runtime.Middleware{Enqueue: func(ctx context.Context, e *runtime.Envelope, next func(context.Context) error) error {
		j.add("%s+ %s", name, e.ID)
		err := next(ctx)
		j.add("%s- %s %v", name, e.ID, err)
		return err
	}}
}

func (j *journal) signals() *runtime.Signals {
	s := &runtime.Signals{}
	s.Listen(runtime.SignalBeforePublish, 0, func(_ context.Context, e runtime.Signal) { j.add("before %s %s", e.Envelope.ID, e.Sender) })
	s.Listen(runtime.SignalAfterPublish, 0, func(_ context.Context, e runtime.Signal) {
		j.add("after %s %s %v", e.Envelope.ID, e.Reason, e.Err)
	})
	return s
}

func (j *journal) broker() *fakeBroker {
	return &fakeBroker{publish: func(_ context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
		j.add("publish %d", len(e.Publish))
		return accept(e), nil
	}}
}

func (j *journal) expect(t *testing.T, want ...string) {
	t.Helper()
	if !reflect.DeepEqual([]string(*j), want) {
		t.Errorf("got\n%q\nwant\n%q", []string(*j), want)
	}
	*j = nil
}

func TestMiddlewareAndSignalsInOrder(t *testing.T) {
	var j journal
	c := client.New(&runtime.Backend{Broker: j.broker()}, client.Options{
		Middleware: []runtime.Middleware{j.middleware("m"), {}, j.middleware("n")}, Signals: j.signals(),
	})
	if _, err := c.Enqueue(t.Context(), runtime.Request{ID: "a", Name: "x"}); err != nil {
		t.Fatal(err)
	}
	j.expect(t, "before a stem", "m+ a", "n+ a", "publish 1", "n- a <nil>", "m- a <nil>", "after a accepted <nil>")

	if _, err := c.EnqueueMany(t.Context(), []runtime.Request{{ID: "a", Name: "x"}, {ID: "b", Name: "x"}}); err != nil {
		t.Fatal(err)
	}
	j.expect(t, "before a stem", "before b stem", "m+ a", "n+ a", "m+ b", "n+ b", "publish 2",
		"n- b <nil>", "m- b <nil>", "n- a <nil>", "m- a <nil>", "after a accepted <nil>", "after b accepted <nil>")
}

func TestMiddlewareSeesTheStoresError(t *testing.T) {
	var j journal
	down := errors.New("down")
	f := &fakeBroker{publish: func(context.Context, *runtime.Effects) ([]runtime.PublishResult, error) { return nil, down }}
	c := client.New(&runtime.Backend{Broker: f}, client.Options{Middleware: []runtime.Middleware{j.middleware("m")}, Signals: j.signals()})
	if _, err := c.Enqueue(t.Context(), runtime.Request{ID: "a", Name: "x"}); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	j.expect(t, "before a stem", "m+ a", "m- a down", "after a none down")
}

// keeper keeps back the tasks whose id begins with "no".
func keeper(err error) runtime.Middleware {
	return runtime.Middleware{Enqueue: func(ctx context.Context, e *runtime.Envelope, next func(context.Context) error) error {
		if e.ID[:2] == "no" {
			return err
		}
		return next(ctx)
	}}
}

func TestMiddlewareKeepsOneBack(t *testing.T) {
	var j journal
	veto := errors.New("not in my house")
	c := client.New(&runtime.Backend{Broker: j.broker()}, client.Options{Middleware: []runtime.Middleware{keeper(veto)}, Signals: j.signals()})
	rs, err := c.EnqueueMany(t.Context(), []runtime.Request{{ID: "a1", Name: "x"}, {ID: "no1", Name: "x"}, {ID: "a2", Name: "x"}, {ID: "no2", Name: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []runtime.PublishStatus{runtime.Accepted, runtime.Invalid, runtime.Accepted, runtime.Invalid} {
		if rs[i].Status != want || (want == runtime.Invalid) != errors.Is(rs[i].Err, veto) {
			t.Errorf("%d: %+v", i, rs[i])
		}
	}
	j.expect(t, "before a1 stem", "before no1 stem", "before a2 stem", "before no2 stem", "publish 2",
		"after a1 accepted <nil>", "after no1 invalid not in my house", "after a2 accepted <nil>", "after no2 invalid not in my house")

	rs, err = c.EnqueueMany(t.Context(), []runtime.Request{{ID: "no1", Name: "x"}})
	if err != nil || rs[0].Status != runtime.Invalid {
		t.Errorf("all kept back: %+v, %v", rs, err)
	}
	j.expect(t, "before no1 stem", "after no1 invalid not in my house")
}

// An id is never returned as good for a task that was not published.
func TestMiddlewareThatSaysNothing(t *testing.T) {
	c := client.New(&runtime.Backend{Broker: &fakeBroker{}}, client.Options{Middleware: []runtime.Middleware{keeper(nil)}})
	if r, err := c.Enqueue(t.Context(), runtime.Request{ID: "no", Name: "x"}); err == nil || r.Status != runtime.Invalid {
		t.Errorf("got %+v, %v", r, err)
	}
}

// Tasks that belong together are published all or none.
func TestPublishTogetherOrNotAtAll(t *testing.T) {
	veto := errors.New("no")
	f := &fakeTx{}
	c := client.New(&runtime.Backend{Broker: f, Tx: f}, client.Options{Middleware: []runtime.Middleware{keeper(veto)}})
	good, bad := prepare(t, c, runtime.Request{ID: "a1", Name: "x"}), prepare(t, c, runtime.Request{ID: "no", Name: "x"})
	for name, ps := range map[string][]runtime.Publication{"first": {bad, good}, "last": {good, bad}, "alone": {bad}} {
		if _, err := c.Publish(t.Context(), &runtime.Effects{Publish: ps}); !errors.Is(err, veto) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.EnqueueTx(t.Context(), "tx", runtime.Request{ID: "a2", Name: "x"}, runtime.Request{ID: "no", Name: "x"}); !errors.Is(err, veto) {
		t.Errorf("in a transaction: %v", err)
	}
	if f.sizes() != "[]" {
		t.Errorf("published %s", f.sizes())
	}
}

func TestMiddlewareCallsNextTwice(t *testing.T) {
	f := &fakeBroker{}
	c := client.New(&runtime.Backend{Broker: f}, client.Options{Middleware: []runtime.Middleware{{
		Enqueue: func(ctx context.Context, _ *runtime.Envelope, next func(context.Context) error) error {
			return errors.Join(next(ctx), next(ctx))
		},
	}}})
	if r, err := c.Enqueue(t.Context(), plain); err != nil || r.Status != runtime.Accepted || f.sizes() != "[1]" {
		t.Errorf("published %s, %+v, %v", f.sizes(), r, err)
	}
}

// What a middleware returns after next cannot turn a failure into success, nor
// a task that is in the store into a failure.
func TestTheStoresWordStands(t *testing.T) {
	down := errors.New("down")
	for name, x := range map[string]struct{ store, middleware, want error }{
		"swallowed": {down, nil, down},
		"made up":   {nil, errors.New("made up"), nil},
	} {
		f := &fakeBroker{publish: func(_ context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
			return accept(e), x.store
		}}
		c := client.New(&runtime.Backend{Broker: f}, client.Options{Middleware: []runtime.Middleware{{
			Enqueue: func(ctx context.Context, _ *runtime.Envelope, next func(context.Context) error) error {
				_ = next(ctx)
				return x.middleware
			},
		}}})
		if _, err := c.Enqueue(t.Context(), plain); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The context of a middleware reaches the store when its task goes alone, and
// stays with its task when there are several.
func TestMiddlewareContext(t *testing.T) {
	type key struct{}
	var stored any
	seen := map[string]any{}
	f := &fakeBroker{publish: func(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
		stored = ctx.Value(key{})
		return accept(e), nil
	}}
	c := client.New(&runtime.Backend{Broker: f}, client.Options{Middleware: []runtime.Middleware{{
		Enqueue: func(ctx context.Context, e *runtime.Envelope, next func(context.Context) error) error {
			seen[e.ID] = ctx.Value(key{})
			e.Headers = map[string]string{"added": e.ID}
			return next(context.WithValue(ctx, key{}, e.ID))
		},
	}}})
	if _, err := c.Enqueue(t.Context(), runtime.Request{ID: "a", Name: "x"}); err != nil || stored != "a" {
		t.Errorf("alone: the store saw %v, %v", stored, err)
	}
	if _, err := c.EnqueueMany(t.Context(), []runtime.Request{{ID: "b", Name: "x"}, {ID: "c", Name: "x"}}); err != nil || stored != nil || seen["c"] != nil {
		t.Errorf("together: the store saw %v, the second task %v, %v", stored, seen["c"], err)
	}
	if got := f.calls[1].Publish[1].Envelope.Headers["added"]; got != "c" {
		t.Errorf("the middleware's header is %q", got)
	}
}
