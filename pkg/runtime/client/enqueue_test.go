package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

// fakeBroker publishes by a function and remembers what came. The other methods
// are not there.
type fakeBroker struct {
	runtime.Broker
	publish func(context.Context, *runtime.Effects) ([]runtime.PublishResult, error)

	mu    sync.Mutex
	calls []runtime.Effects
}

func (f *fakeBroker) Publish(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
	f.mu.Lock()
	f.calls = append(f.calls, *e)
	f.mu.Unlock()
	if f.publish != nil {
		return f.publish(ctx, e)
	}
	return accept(e), nil
}

// sizes are the numbers of tasks of the calls so far.
func (f *fakeBroker) sizes() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var sizes []int
	for _, e := range f.calls {
		sizes = append(sizes, len(e.Publish))
	}
	return fmt.Sprint(sizes)
}

func accept(e *runtime.Effects) []runtime.PublishResult {
	rs := make([]runtime.PublishResult, len(e.Publish))
	for i, p := range e.Publish {
		rs[i] = runtime.PublishResult{Status: runtime.Accepted, ID: p.Envelope.ID}
	}
	return rs
}

func TestEnqueueStores(t *testing.T) {
	b := openMemory(t)
	c := client.New(b, client.Options{})
	got, err := c.Enqueue(t.Context(), plain)
	if err != nil || got.Status != runtime.Accepted {
		t.Fatalf("got %+v, %v", got, err)
	}
	e, err := b.Queues.Envelope(t.Context(), got.ID)
	if err != nil || e.Name != plain.Name || string(e.Args) != string(plain.Args) {
		t.Errorf("stored %+v, %v", e, err)
	}
	again := plain
	again.ID = got.ID
	if r, err := c.Enqueue(t.Context(), again); err != nil || r.Status != runtime.Exists || r.ID != got.ID {
		t.Errorf("the same id: %+v, %v", r, err)
	}
}

func TestEnqueueFull(t *testing.T) {
	c := client.New(openMemory(t), client.Options{MaxQueueDepth: map[string]int{"default": 2}})
	for range 2 {
		if _, err := c.Enqueue(t.Context(), plain); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Enqueue(t.Context(), plain)
	if !errors.Is(err, runtime.ErrFull) || got.Status != runtime.Full {
		t.Fatalf("got %+v, %v", got, err)
	}
	if want := "enqueue mail.send: queue default is full (2 tasks)"; err.Error() != want || runtime.HintOf(err) == "" {
		t.Errorf("got %q, hint %q", err, runtime.HintOf(err))
	}
}

// Calls that meet share a round trip; each gets its own answer.
func TestEnqueueGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		f := &fakeBroker{publish: func(_ context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
			<-open
			rs := accept(e)
			for i, p := range e.Publish {
				if p.Envelope.Name == "bad" {
					rs[i] = runtime.PublishResult{Status: runtime.Invalid, ID: p.Envelope.ID, Err: runtime.Errorf(runtime.CodeInvalid, "no")}
				}
			}
			return rs, nil
		}}
		c := client.New(&runtime.Backend{Broker: f}, client.Options{})
		var all sync.WaitGroup
		enqueue := func(ctx context.Context, id, name string, want error) {
			all.Go(func() {
				r, err := c.Enqueue(ctx, runtime.Request{ID: id, Name: name})
				if r.ID != id || !errors.Is(err, want) {
					t.Errorf("%s: got %+v, %v", id, r, err)
				}
			})
			synctest.Wait()
		}
		impatient, giveUp := context.WithCancel(t.Context())
		enqueue(t.Context(), "first", "x", nil)
		enqueue(t.Context(), "second", "x", nil)
		enqueue(t.Context(), "third", "bad", runtime.ErrInvalid)
		enqueue(impatient, "fourth", "x", context.Canceled)
		enqueue(t.Context(), "fifth", "x", nil)
		giveUp()
		synctest.Wait()
		close(open)
		all.Wait()
		if got := f.sizes(); got != "[1 3]" {
			t.Errorf("batches %s", got)
		}
	})
}

func TestEnqueueMany(t *testing.T) {
	b := openMemory(t)
	c := client.New(b, client.Options{MaxQueueDepth: map[string]int{"tight": 1}})
	tight := runtime.TaskOptions{Queue: new("tight")}
	rs := []runtime.Request{
		{ID: "a", Name: "x"},
		{ID: "b", Name: "bad\nname"},
		{ID: "c", Name: "x", Options: tight},
		{ID: "d", Name: "x", Options: tight},
		{ID: "a", Name: "x"},
		{ID: "e", Name: "x", Options: runtime.TaskOptions{Unique: &runtime.UniqueOptions{Key: "k"}}},
		{ID: "f", Name: "x", Options: runtime.TaskOptions{Unique: &runtime.UniqueOptions{Key: "k"}}},
		{ID: "g", Name: "x"},
	}
	got, err := c.EnqueueMany(t.Context(), rs)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		status runtime.PublishStatus
		id     string
		err    error
	}{
		{runtime.Accepted, "a", nil}, {runtime.Invalid, "b", runtime.ErrInvalid}, {runtime.Accepted, "c", nil}, {runtime.Full, "d", runtime.ErrFull},
		{runtime.Exists, "a", nil}, {runtime.Accepted, "e", nil}, {runtime.Duplicate, "e", nil}, {runtime.Accepted, "g", nil},
	}
	for i, w := range want {
		if got[i].Status != w.status || got[i].ID != w.id || !errors.Is(got[i].Err, w.err) {
			t.Errorf("%d: got %+v, want %+v", i, got[i], w)
		}
	}
	if got, err := c.EnqueueMany(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("nothing: %v, %v", got, err)
	}
}

func TestEnqueueManyInChunks(t *testing.T) {
	f := &fakeBroker{}
	c := client.New(&runtime.Backend{Broker: f}, client.Options{})
	rs := make([]runtime.Request, 2500)
	for i := range rs {
		rs[i] = runtime.Request{ID: fmt.Sprint("id-", i), Name: "x"}
	}
	got, err := c.EnqueueMany(t.Context(), rs)
	if err != nil || f.sizes() != "[1000 1000 500]" {
		t.Fatalf("chunks %s, %v", f.sizes(), err)
	}
	for i, r := range got {
		if r.ID != rs[i].ID || r.Status != runtime.Accepted {
			t.Fatalf("%d: %+v", i, r)
		}
	}
}

// What was stored before the store failed can be told from what was not.
func TestEnqueueManyUntilTheStoreFails(t *testing.T) {
	full := runtime.Errorf(runtime.CodeFull, "disk full")
	f := &fakeBroker{}
	f.publish = func(_ context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
		if len(f.calls) == 2 {
			return nil, full
		}
		return accept(e), nil
	}
	c := client.New(&runtime.Backend{Broker: f}, client.Options{})
	rs := make([]runtime.Request, 3000)
	for i := range rs {
		rs[i] = runtime.Request{ID: fmt.Sprint("id-", i), Name: "x"}
	}
	got, err := c.EnqueueMany(t.Context(), rs)
	if !errors.Is(err, runtime.ErrFull) || len(got) != len(rs) || f.sizes() != "[1000 1000]" {
		t.Fatalf("%d results, calls %s, %v", len(got), f.sizes(), err)
	}
	for i, r := range got {
		want := runtime.PublishStatus(0)
		if i < 1000 {
			want = runtime.Accepted
		}
		if r.Status != want || r.ID != rs[i].ID {
			t.Fatalf("%d: %+v", i, r)
		}
	}
}

func TestPublishRetries(t *testing.T) {
	down := runtime.Errorf(runtime.CodeUnavailable, "connection refused")
	cases := map[string]struct {
		o        client.Options
		failures int
		with     error
		calls    int
		ok       bool
	}{
		"comes back":       {client.Options{}, 3, down, 4, true},
		"stays away":       {client.Options{}, 99, down, 4, false},
		"one retry":        {client.Options{Retries: 1}, 99, down, 2, false},
		"no retries":       {client.Options{Retries: -1}, 99, down, 1, false},
		"another error":    {client.Options{}, 1, runtime.Errorf(runtime.CodeFull, "disk"), 1, false},
		"an unknown error": {client.Options{}, 1, errors.New("eh"), 1, false},
		"at once":          {client.Options{}, 0, nil, 1, true},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeBroker{}
				f.publish = func(_ context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
					if len(f.calls) <= x.failures {
						return nil, x.with
					}
					return accept(e), nil
				}
				c := client.New(&runtime.Backend{Broker: f}, x.o)
				start := time.Now()
				r, err := c.Enqueue(t.Context(), plain)
				if (err == nil) != x.ok || len(f.calls) != x.calls || !x.ok && !errors.Is(err, x.with) {
					t.Errorf("%d calls, %+v, %v", len(f.calls), r, err)
				}
				if x.calls > 1 && f.calls[0].Publish[0].Envelope.ID != f.calls[1].Publish[0].Envelope.ID {
					t.Error("a repeat has another id, so it would be another task")
				}
				if waited := time.Since(start); waited > 5*time.Second || x.calls > 1 && waited == 0 {
					t.Errorf("waited %s", waited)
				}
			})
		})
	}
}

func TestPublishRetryEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeBroker{publish: func(context.Context, *runtime.Effects) ([]runtime.PublishResult, error) {
			return nil, runtime.ErrUnavailable
		}}
		c := client.New(&runtime.Backend{Broker: f}, client.Options{Retries: 1000, Backoff: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Enqueue(ctx, plain); !errors.Is(err, runtime.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

func TestPublishTogether(t *testing.T) {
	b := openMemory(t)
	c := client.New(b, client.Options{})
	member, callback := prepare(t, c, runtime.Request{ID: "m", Name: "x"}), prepare(t, c, runtime.Request{ID: "cb", Name: "y"})
	member.Group = "g"
	e := &runtime.Effects{
		Groups:  []runtime.Group{{ID: "g", Members: []string{"m"}, Done: &callback}},
		Publish: []runtime.Publication{member},
	}
	if rs, err := c.Publish(t.Context(), e); err != nil || len(rs) != 1 || rs[0].Status != runtime.Accepted {
		t.Fatalf("got %+v, %v", rs, err)
	}
	if g, err := b.Results.Group(t.Context(), "g", 0, 10); err != nil || g.Size != 1 {
		t.Errorf("group %+v, %v", g, err)
	}
	if rs, err := c.Publish(t.Context(), &runtime.Effects{Groups: []runtime.Group{{ID: "g2", Members: []string{"later"}}}}); err != nil || len(rs) != 0 {
		t.Errorf("a group alone: %+v, %v", rs, err)
	}
	if g, err := b.Results.Group(t.Context(), "g2", 0, 10); err != nil || g.Size != 1 {
		t.Errorf("group %+v, %v", g, err)
	}
}

func TestStoreThatAnswersTooLittle(t *testing.T) {
	f := &fakeBroker{publish: func(context.Context, *runtime.Effects) ([]runtime.PublishResult, error) { return nil, nil }}
	c := client.New(&runtime.Backend{Broker: f}, client.Options{})
	if _, err := c.EnqueueMany(t.Context(), []runtime.Request{plain, plain}); err == nil || !strings.Contains(err.Error(), "0 results for 2 tasks") {
		t.Errorf("got %v", err)
	}
	if _, err := client.New(&runtime.Backend{}, client.Options{}).Enqueue(t.Context(), plain); !errors.Is(err, runtime.ErrUnsupported) {
		t.Errorf("without a broker: %v", err)
	}
}

// fakeTx publishes into a transaction that is a string.
type fakeTx struct {
	fakeBroker
	woken []string
}

func (f *fakeTx) PublishTx(ctx context.Context, tx any, e *runtime.Effects) ([]runtime.PublishResult, error) {
	if tx != "tx" {
		return nil, runtime.Errorf(runtime.CodeUnsupported, fmt.Sprintf("%T is no transaction", tx))
	}
	return f.Publish(ctx, e)
}

func (f *fakeTx) Wake(_ context.Context, queues []string) error {
	f.woken = append(f.woken, queues...)
	return nil
}

func TestEnqueueTx(t *testing.T) {
	f := &fakeTx{}
	c := client.New(&runtime.Backend{Tx: f}, client.Options{})
	rs, err := c.EnqueueTx(t.Context(), "tx", runtime.Request{ID: "a", Name: "x"}, runtime.Request{ID: "b", Name: "x"})
	if err != nil || len(rs) != 2 || rs[1].ID != "b" || f.sizes() != "[2]" {
		t.Errorf("got %+v, calls %s, %v", rs, f.sizes(), err)
	}
	if _, err := c.EnqueueTx(t.Context(), "tx", plain, runtime.Request{Name: "\x00"}); !errors.Is(err, runtime.ErrInvalid) || f.sizes() != "[2]" {
		t.Errorf("with a bad request: calls %s, %v", f.sizes(), err)
	}
	if _, err := c.EnqueueTx(t.Context(), 7, plain); !errors.Is(err, runtime.ErrUnsupported) {
		t.Errorf("another kind of transaction: %v", err)
	}
	f.publish = func(_ context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
		return []runtime.PublishResult{{Status: runtime.Full, ID: e.Publish[0].Envelope.ID}}, nil
	}
	if rs, err := c.EnqueueTx(t.Context(), "tx", plain); !errors.Is(err, runtime.ErrFull) || rs[0].Status != runtime.Full {
		t.Errorf("a full queue must make the caller roll back: %+v, %v", rs, err)
	}
	if err := c.Wake(t.Context(), "mail", "default"); err != nil || fmt.Sprint(f.woken) != "[mail default]" {
		t.Errorf("woke %v, %v", f.woken, err)
	}
	none := client.New(&runtime.Backend{Info: runtime.StoreInfo{Driver: "memory"}}, client.Options{})
	if _, err := none.EnqueueTx(t.Context(), "tx", plain); !errors.Is(err, runtime.ErrUnsupported) || runtime.HintOf(err) == "" {
		t.Errorf("a store without transactions: %v", err)
	}
	if err := none.Wake(t.Context()); !errors.Is(err, runtime.ErrUnsupported) {
		t.Errorf("wake: %v", err)
	}
}
