package worker_test

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
	"github.com/stem-jobs/stem/pkg/runtime/handler"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

func soft(d time.Duration) func(*runtime.TaskOptions) {
	return func(o *runtime.TaskOptions) { o.SoftLimit = &d }
}

func hard(d time.Duration) func(*runtime.TaskOptions) {
	return func(o *runtime.TaskOptions) { o.HardLimit = &d }
}

// W36: the handler sees its soft limit, and may still succeed.
func TestSoftLimitIsSeenByTheHandler(t *testing.T) {
	patient := func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
		began := time.Now()
		select {
		case <-t.Host.SoftLimit():
			return json.Marshal(time.Since(began).String())
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	none := func(_ context.Context, t *runtime.Task) (json.RawMessage, error) {
		return json.Marshal(t.Host.SoftLimit() == nil)
	}
	inBubble(t, defs(task("patient", patient, soft(3*time.Second), hard(time.Minute)), task("none", none)), func(r *rig) {
		w := r.start()
		rec := r.ended(r.enqueue(runtime.Request{Name: "patient"}), runtime.StateSucceeded)
		if got := string(r.body(rec).Payload); got != `"3s"` {
			t.Errorf("soft limit after %s", got)
		}
		rec = r.ended(r.enqueue(runtime.Request{Name: "patient", Options: runtime.TaskOptions{SoftLimit: new(time.Second)}}), runtime.StateSucceeded)
		if got := string(r.body(rec).Payload); got != `"1s"` {
			t.Errorf("soft limit of the call after %s", got)
		}
		rec = r.ended(r.enqueue(runtime.Request{Name: "none"}), runtime.StateSucceeded)
		if got := string(r.body(rec).Payload); got != "true" {
			t.Error("a task without a soft limit has one")
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestHardLimitCancelsAndFailsTheAttempt(t *testing.T) {
	causes := make(chan error, 10)
	slow := func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
		t.Host.Log("working")
		err := nap(ctx, time.Hour)
		causes <- context.Cause(ctx)
		return nil, err
	}
	inBubble(t, defs(task("slow", slow, hard(2*time.Second), retries(1))), func(r *rig) {
		w := r.start()
		began := time.Now()
		id := r.enqueue(runtime.Request{Name: "slow"})
		rec := r.at(id, runtime.PlaceDelayed)
		if took := time.Since(began); took < 2*time.Second || took > 2100*time.Millisecond {
			t.Errorf("cancelled after %s", took)
		}
		if e := r.body(rec).Error; e == nil || e.Type != "timeout" || !strings.Contains(e.Message, "hard limit of 2s") {
			t.Errorf("error is %+v", e)
		}
		rec = r.ended(id, runtime.StateFailed)
		if rec.Reason != runtime.ReasonTimeout || r.body(rec).Log != "working\n" {
			t.Errorf("reason %s, log %q", rec.Reason, r.body(rec).Log)
		}
		for range 2 {
			if cause := <-causes; !errors.Is(cause, runtime.CauseHardLimit) {
				t.Errorf("cause is %v", cause)
			}
		}
		w.stop(runtime.DrainWarm)
	})
}

// A handler sees its hard limit as its context's deadline, and what ends it is
// the worker, whose cause it finds; without a limit there is no deadline.
func TestHardLimitIsTheDeadline(t *testing.T) {
	look := func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			return json.RawMessage(`"none"`), nil
		}
		return json.Marshal(time.Until(deadline).String())
	}
	inBubble(t, defs(task("limited", look, hard(time.Minute)), task("plain", look)), func(r *rig) {
		w := r.start()
		for name, want := range map[string]string{"limited": `"1m0s"`, "plain": `"none"`} {
			rec := r.ended(r.enqueue(runtime.Request{Name: name}), runtime.StateSucceeded)
			if got := string(r.body(rec).Payload); got != want {
				t.Errorf("deadline of %s is in %s, want %s", name, got, want)
			}
		}
		w.stop(runtime.DrainWarm)
	})
}

// Whoever looks at the deadline may be quicker than the worker's timer: a
// failure at the deadline is a timeout, not whatever the library called it.
func TestAFailureAtTheDeadlineIsATimeout(t *testing.T) {
	quick := func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
		deadline, _ := ctx.Deadline()
		own, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
		defer cancel()
		<-own.Done()
		return nil, own.Err()
	}
	inBubble(t, defs(task("quick", quick, hard(time.Second))), func(r *rig) {
		w := r.start()
		for _, id := range r.enqueueN("quick", 50) {
			if rec := r.ended(id, runtime.StateFailed); rec.Reason != runtime.ReasonTimeout || !strings.Contains(rec.Error, "hard limit of 1s") {
				t.Fatalf("reason %s, error %q", rec.Reason, rec.Error)
			}
		}
		w.stop(runtime.DrainWarm)
	})
}

// A program that takes its grace after SIGTERM is not overlapped by its retry.
func TestTheRetryWaitsForAHandlerThatIsEnding(t *testing.T) {
	running := make(chan int, 10)
	inBubble(t, defs(task("slow", unset, hard(time.Second), retries(1), func(o *runtime.TaskOptions) {
		o.Retry = &runtime.RetryPolicy{Backoff: time.Millisecond}
	})), func(r *rig) {
		var n atomic.Int32
		r.redefine("slow", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
			running <- int(n.Add(1))
			defer n.Add(-1)
			<-ctx.Done()
			<-time.After(handler.DefaultGrace + time.Second)
			return nil, context.Cause(ctx)
		})
		w := r.start()
		rec := r.ended(r.enqueue(runtime.Request{Name: "slow"}), runtime.StateFailed)
		for range 2 {
			if got := <-running; got != 1 {
				t.Errorf("%d attempts run at once", got)
			}
		}
		if rec.Attempt != 1 || rec.Reason != runtime.ReasonTimeout {
			t.Errorf("attempt %d, reason %s", rec.Attempt, rec.Reason)
		}
		w.stop(runtime.DrainWarm)
	})
}

// A result that comes after the hard limit does not count.
func TestSuccessAfterTheHardLimitIsATimeout(t *testing.T) {
	stubborn := func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
		<-ctx.Done()
		return json.RawMessage(`"made it"`), nil
	}
	inBubble(t, defs(task("x", stubborn, hard(time.Second))), func(r *rig) {
		w := r.start()
		rec := r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateFailed)
		if rec.Reason != runtime.ReasonTimeout || r.body(rec).Payload != nil {
			t.Errorf("reason %s, body %+v", rec.Reason, r.body(rec))
		}
		w.stop(runtime.DrainWarm)
	})
}

// W13: a handler that ignores its hard limit is settled without it. Its slot
// stays taken, it is shown as stuck with its stack, and what it returns in the
// end is not stored.
func TestStuckHandlerKeepsItsSlotAndIsShown(t *testing.T) {
	inBubble(t, defs(task("stuck", unset, hard(time.Second)), task("echo", echo)), func(r *rig) {
		release := make(chan struct{})
		r.redefine("stuck", func(context.Context, *runtime.Task) (json.RawMessage, error) {
			waitIgnoringEverything(release)
			return json.RawMessage(`"late"`), nil
		})
		w := r.start(func(o *worker.Options) { o.Concurrency = 2; o.Prefetch = -1 })
		id := r.enqueue(runtime.Request{Name: "stuck"})
		rec := r.ended(id, runtime.StateFailed)
		if rec.Reason != runtime.ReasonTimeout {
			t.Errorf("reason is %s", rec.Reason)
		}
		h := w.beat()
		if len(h.Stuck) != 1 || h.Stuck[0].ID != id || len(h.Active) != 0 || h.Inflight != 0 {
			t.Fatalf("stuck %+v, active %+v, inflight %d", h.Stuck, h.Active, h.Inflight)
		}
		if !strings.Contains(h.Stuck[0].Stack, "waitIgnoringEverything") || strings.Contains(h.Stuck[0].Stack, "0x") {
			t.Errorf("stack is %q", h.Stuck[0].Stack)
		}

		// One slot is left; both are never in use by echo.
		ids := r.enqueueN("echo", 20)
		for _, id := range ids {
			r.ended(id, runtime.StateSucceeded)
		}
		if got := w.State().Active; got != 1 {
			t.Errorf("%d slots are taken, want the stuck one", got)
		}
		close(release)
		r.until("the slot is free", func() bool { return w.State().Active == 0 })
		if rec = r.get(id); rec.State != runtime.StateFailed || r.body(rec).Payload != nil {
			t.Errorf("the late result was stored: %s", rec.Body)
		}
		if h := w.beat(); len(h.Stuck) != 0 {
			t.Errorf("still stuck: %+v", h.Stuck)
		}
		raw, _, err := w.Apply(r.ctx, runtime.Command{Type: runtime.CommandStats})
		if err != nil || !strings.Contains(string(raw), `"late":1`) {
			t.Errorf("stats are %s, %v", raw, err)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestStuckHandlersExhaustTheSlots(t *testing.T) {
	inBubble(t, defs(task("stuck", unset, hard(time.Second)), task("echo", echo)), func(r *rig) {
		release := make(chan struct{})
		r.redefine("stuck", func(context.Context, *runtime.Task) (json.RawMessage, error) {
			<-release
			return nil, nil
		})
		w := r.start(func(o *worker.Options) { o.Concurrency = 2; o.Prefetch = -1 })
		for _, id := range r.enqueueN("stuck", 2) {
			r.ended(id, runtime.StateFailed)
		}
		id := r.enqueue(runtime.Request{Name: "echo"})
		<-time.After(time.Minute)
		synctest.Wait()
		if rec := r.get(id); rec.Place != runtime.PlaceReady {
			t.Errorf("task is %s although no slot is free", rec.Place)
		}
		close(release)
		r.ended(id, runtime.StateSucceeded)
		w.stop(runtime.DrainWarm)
	})
}

// waitIgnoringEverything is looked for in the stack.
//
//go:noinline
func waitIgnoringEverything(release chan struct{}) { <-release }
