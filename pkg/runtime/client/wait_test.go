package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/driver/memory"
)

// end takes the next task of the default queue and settles it.
func end(t *testing.T, b *runtime.Backend, s runtime.Settlement) {
	t.Helper()
	consumer := runtime.Consumer{Worker: "w", Incarnation: "1"}
	ds, err := b.Broker.Receive(t.Context(), runtime.Receive{Consumer: consumer, Queues: []runtime.QueueShare{{Queue: "default"}}, Max: 1, Lease: time.Minute})
	if err != nil || len(ds) != 1 {
		t.Fatalf("received %d, %v", len(ds), err)
	}
	s.Lease = ds[0].Lease
	rs, err := b.Broker.Settle(t.Context(), consumer, []runtime.Settlement{s})
	if err != nil || rs[0].Status != runtime.Settled {
		t.Fatalf("settled %+v, %v", rs, err)
	}
}

func succeeded(t *testing.T, payload string) runtime.Settlement {
	t.Helper()
	body, err := (&runtime.Record{Payload: json.RawMessage(payload)}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return runtime.Settlement{Outcome: runtime.Succeeded, Result: body}
}

func enqueue(t *testing.T, c *client.Client, id string) {
	t.Helper()
	if _, err := c.Enqueue(t.Context(), runtime.Request{ID: id, Name: "x"}); err != nil {
		t.Fatal(err)
	}
}

type waited struct {
	recs []runtime.TaskRecord
	err  error
}

// wait calls Wait in a goroutine and returns when it is blocked.
func wait(ctx context.Context, c *client.Client, ids ...string) <-chan waited {
	out := make(chan waited, 1)
	go func() {
		recs, err := c.Wait(ctx, ids...)
		out <- waited{recs, err}
	}()
	synctest.Wait()
	return out
}

// inBubble runs a test with a store of its own, in fake time.
func inBubble(t *testing.T, f func(*testing.T, *runtime.Backend)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, openMemory(t)) })
}

const never = 1000 * time.Hour

func TestWaitIsPushed(t *testing.T) {
	inBubble(t, func(t *testing.T, b *runtime.Backend) {
		c := client.New(b, client.Options{PollEvery: never})
		enqueue(t, c, "a")
		enqueue(t, c, "b")
		w := wait(t.Context(), c, "b", "a", "b")
		end(t, b, succeeded(t, `{"n":1}`))
		synctest.Wait()
		select {
		case got := <-w:
			t.Fatalf("returned before the last has ended: %+v", got)
		default:
		}
		end(t, b, runtime.Settlement{Outcome: runtime.Dead, Reason: runtime.ReasonPermanent})
		got := <-w
		if got.err != nil || len(got.recs) != 3 || got.recs[0].ID != "b" || got.recs[0].State != runtime.StateFailed || got.recs[1].State != runtime.StateSucceeded || got.recs[2].ID != "b" {
			t.Errorf("got %+v, %v", got.recs, got.err)
		}
	})
}

func TestWaitForWhatHasEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *runtime.Backend) {
		c := client.New(b, client.Options{PollEvery: never})
		enqueue(t, c, "a")
		end(t, b, succeeded(t, `{"n":41}`))
		rec, err := c.WaitOne(t.Context(), "a")
		if err != nil || rec.State != runtime.StateSucceeded {
			t.Fatalf("got %+v, %v", rec, err)
		}
		var out struct{ N int }
		if err := c.Result(rec, &out); err != nil || out.N != 41 {
			t.Errorf("got %+v, %v", out, err)
		}
		if recs, err := c.Wait(t.Context()); err != nil || len(recs) != 0 {
			t.Errorf("waiting for nothing: %v, %v", recs, err)
		}
	})
}

func TestWaitForWhatIsNotThereYet(t *testing.T) {
	inBubble(t, func(t *testing.T, b *runtime.Backend) {
		c := client.New(b, client.Options{PollEvery: time.Second})
		w := wait(t.Context(), c, "late")
		enqueue(t, c, "late")
		end(t, b, succeeded(t, `1`))
		if got := <-w; got.err != nil || got.recs[0].State != runtime.StateSucceeded {
			t.Errorf("got %+v", got)
		}
	})
}

// Another handle of the same store stands for another process.
func TestWaitAcrossHandles(t *testing.T) {
	open := func() *runtime.Backend {
		b, err := memory.Driver{}.Open(t.Context(), "memory://client-wait", runtime.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	here, there := open(), open()
	c := client.New(here, client.Options{PollEvery: never})
	enqueue(t, c, "a")
	out := make(chan waited, 1)
	go func() {
		recs, err := c.Wait(t.Context(), "a")
		out <- waited{recs, err}
	}()
	end(t, there, succeeded(t, `1`))
	if got := <-out; got.err != nil || got.recs[0].State != runtime.StateSucceeded {
		t.Errorf("got %+v", got)
	}
}

// unreliable is a Results whose push can be lost and whose answers can fail.
type unreliable struct {
	runtime.Results
	watch  func() (<-chan runtime.TaskRecord, error)
	broken atomic.Pointer[runtime.Error]
	asked  atomic.Int64
}

func (u *unreliable) Watch(context.Context, []string) (<-chan runtime.TaskRecord, error) {
	return u.watch()
}

func (u *unreliable) Get(ctx context.Context, ids []string) ([]runtime.TaskRecord, error) {
	u.asked.Add(1)
	if err := u.broken.Load(); err != nil {
		return nil, err
	}
	return u.Results.Get(ctx, ids)
}

func silent() (<-chan runtime.TaskRecord, error) { return make(chan runtime.TaskRecord), nil }

func cannotWatch() (<-chan runtime.TaskRecord, error) { return nil, runtime.ErrUnavailable }

func TestWaitAsksWhenPushesAreLost(t *testing.T) {
	for name, watch := range map[string]func() (<-chan runtime.TaskRecord, error){"silent": silent, "cannot watch": cannotWatch} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *runtime.Backend) {
				b.Results = &unreliable{Results: b.Results, watch: watch}
				c := client.New(b, client.Options{})
				enqueue(t, c, "a")
				w := wait(t.Context(), c, "a")
				end(t, b, succeeded(t, `1`))
				start := time.Now()
				if got := <-w; got.err != nil || got.recs[0].State != runtime.StateSucceeded {
					t.Errorf("got %+v", got)
				}
				if took := time.Since(start); took > client.DefaultPollEvery {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

func TestWaitTimesOut(t *testing.T) {
	inBubble(t, func(t *testing.T, b *runtime.Backend) {
		c := client.New(b, client.Options{})
		enqueue(t, c, "a")
		end(t, b, succeeded(t, `1`))
		enqueue(t, c, "b")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		recs, err := c.Wait(ctx, "a", "b", "nobody")
		var timeout *client.TimeoutError
		if !errors.As(err, &timeout) || !errors.Is(err, runtime.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, runtime.ErrFull) {
			t.Fatalf("got %v", err)
		}
		if timeout.Last[0].State != runtime.StateSucceeded || timeout.Last[1].State != runtime.StateQueued || timeout.Last[2].ID != "nobody" || len(recs) != 3 {
			t.Errorf("last records %+v", timeout.Last)
		}
		if want := "wait for 2 of 3 tasks: context deadline exceeded; b is queued"; err.Error() != want {
			t.Errorf("got %q", err)
		}
		if _, err := c.WaitOne(ctx, "nobody"); !strings.Contains(err.Error(), "nobody is not known to the store") {
			t.Errorf("got %q", err)
		}
	})
}

func TestWaitIsCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, b *runtime.Backend) {
		c := client.New(b, client.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		w := wait(ctx, c, "a")
		cancel()
		got := <-w
		if !errors.Is(got.err, context.Canceled) || errors.Is(got.err, runtime.ErrTimeout) {
			t.Errorf("got %v", got.err)
		}
	})
}

func TestWaitForARecordThatGoes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *runtime.Backend) {
		b.Results = &unreliable{Results: b.Results, watch: silent}
		c := client.New(b, client.Options{})
		enqueue(t, c, "a")
		w := wait(t.Context(), c, "a")
		<-time.After(3 * time.Second) // in fake time: one poll sees the task
		s := succeeded(t, `1`)
		s.Keep = -1
		end(t, b, s)
		got := <-w
		if !errors.Is(got.err, runtime.ErrNotFound) || !strings.Contains(got.err.Error(), "task a") || runtime.HintOf(got.err) == "" {
			t.Errorf("got %v", got.err)
		}
	})
}

func TestWaitEndsWhenTheStoreIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := memory.Driver{}.Open(t.Context(), "memory:", runtime.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		c := client.New(b, client.Options{})
		enqueue(t, c, "a")
		w := wait(t.Context(), c, "a")
		start := time.Now()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if got := <-w; !errors.Is(got.err, runtime.ErrUnavailable) || got.recs[0].State != runtime.StateQueued {
			t.Errorf("got %+v", got)
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("took %s", took)
		}
	})
}

func TestWaitThroughAnOutage(t *testing.T) {
	cases := map[string]struct {
		after, lasts time.Duration
		failure      *runtime.Error
		want         error
	}{
		"short":         {0, 30 * time.Second, runtime.ErrUnavailable, nil},
		"later, short":  {10 * time.Minute, 30 * time.Second, runtime.ErrUnavailable, nil},
		"long":          {0, time.Hour, runtime.ErrUnavailable, runtime.ErrUnavailable},
		"another error": {0, time.Hour, runtime.ErrCorrupt, runtime.ErrCorrupt},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *runtime.Backend) {
				u := &unreliable{Results: b.Results, watch: silent}
				b.Results = u
				c := client.New(b, client.Options{})
				enqueue(t, c, "a")
				w := wait(t.Context(), c, "a")
				<-time.After(x.after)
				u.broken.Store(x.failure)
				end(t, b, succeeded(t, `1`))
				over := time.AfterFunc(x.lasts, func() { u.broken.Store(nil) })
				defer over.Stop()
				start := time.Now()
				if got := <-w; !errors.Is(got.err, x.want) {
					t.Errorf("got %v after %s", got.err, time.Since(start))
				}
				if took := time.Since(start); took > 2*time.Minute {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

func TestWaitWithoutResults(t *testing.T) {
	if rec, err := client.New(&runtime.Backend{}, client.Options{}).WaitOne(t.Context(), "a"); !errors.Is(err, runtime.ErrUnsupported) || rec.ID != "a" {
		t.Errorf("got %+v, %v", rec, err)
	}
}
