package worker_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

var errVeto = errors.New("not today")

// W36: consume middleware can veto, execute middleware sees and replaces
// results, error middleware replaces or swallows failures; the first is the
// outermost.
func TestMiddleware(t *testing.T) {
	var calls []string
	tracing := func(who string) runtime.Middleware {
		return runtime.Middleware{
			Consume: func(ctx context.Context, d *runtime.Delivery, next func(context.Context) error) error {
				calls = append(calls, who+" consume")
				if d.Envelope.Headers["veto"] == who {
					return errVeto
				}
				err := next(ctx)
				calls = append(calls, fmt.Sprintf("%s consumed %v", who, err))
				return err
			},
			Execute: func(ctx context.Context, t *runtime.Task, next runtime.HandlerFunc) (json.RawMessage, error) {
				calls = append(calls, who+" execute")
				out, err := next(ctx, t)
				if err != nil {
					return nil, err
				}
				return json.RawMessage(fmt.Sprintf(`{%q:%s}`, who, out)), nil
			},
			Error: func(_ context.Context, t *runtime.Task, err error) error {
				calls = append(calls, fmt.Sprintf("%s error %v", who, err))
				if t.Headers["swallow"] == who {
					return nil
				}
				return fmt.Errorf("%s: %w", who, err)
			},
		}
	}
	inBubble(t, defs(task("x", echo), task("fail", fails)), func(r *rig) {
		w := r.start(func(o *worker.Options) { o.Middleware = []runtime.Middleware{tracing("a"), {}, tracing("b")} })
		run := func(name, header string, want runtime.State) runtime.TaskRecord {
			calls = nil
			key, value, _ := strings.Cut(header, "=")
			key = cmp.Or(key, "none")
			return r.ended(r.enqueue(runtime.Request{Name: name, Headers: map[string]string{key: value}}), want)
		}
		rec := run("x", "", runtime.StateSucceeded)
		if got := string(r.body(rec).Payload); got != `{"a":{"b":{}}}` {
			t.Errorf("payload is %s", got)
		}
		if want := []string{"a consume", "b consume", "a execute", "b execute", "b consumed <nil>", "a consumed <nil>"}; !slices.Equal(calls, want) {
			t.Errorf("calls: %q", calls)
		}
		rec = run("x", "veto=b", runtime.StateFailed)
		if rec.Error != "a: b: not today" || slices.Contains(calls, "a execute") {
			t.Errorf("vetoed: %q, calls %q", rec.Error, calls)
		}
		rec = run("fail", "", runtime.StateFailed)
		if rec.Error != "a: b: broken" {
			t.Errorf("error is %q", rec.Error)
		}
		rec = run("fail", "swallow=b", runtime.StateSucceeded)
		if slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "a error") }) {
			t.Errorf("a saw a failure that b had swallowed: %q", calls)
		}
		rec = run("fail", "swallow=a", runtime.StateSucceeded)
		if body := r.body(rec); body.Payload != nil || body.Error != nil {
			t.Errorf("swallowed: %+v", body)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestMiddlewareThatPanics(t *testing.T) {
	mad := runtime.Middleware{
		Consume: func(context.Context, *runtime.Delivery, func(context.Context) error) error { panic("consume") },
		Error:   func(context.Context, *runtime.Task, error) error { panic("error") },
	}
	inBubble(t, defs(task("x", echo)), func(r *rig) {
		w := r.start(func(o *worker.Options) { o.Middleware = []runtime.Middleware{mad} })
		rec := r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateFailed)
		if rec.Reason != runtime.ReasonPanic || rec.Error != "panic: consume" {
			t.Errorf("reason %s, error %q", rec.Reason, rec.Error)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestSignalsTellOfATasksLife(t *testing.T) {
	inBubble(t, defs(task("ok", echo), task("flaky", failing(1, errBroken), retries(1)), task("bad", fails)), func(r *rig) {
		signals := &runtime.Signals{}
		heard := map[string][]string{}
		for _, name := range []runtime.SignalName{
			runtime.SignalReceived, runtime.SignalPrerun, runtime.SignalPostrun, runtime.SignalRetry, runtime.SignalSucceeded,
			runtime.SignalFailed, runtime.SignalRevoked, runtime.SignalDeferred, runtime.SignalWorkerInit, runtime.SignalWorkerReady,
			runtime.SignalWorkerStopping, runtime.SignalWorkerShutdown,
		} {
			signals.Listen(name, 0, func(_ context.Context, e runtime.Signal) {
				if e.Sender == "" || e.At.IsZero() {
					t.Errorf("%s without sender or time: %+v", e.Name, e)
				}
				key, line := "worker", string(e.Name)
				if e.Envelope != nil {
					key = e.Envelope.Name
				}
				switch e.Name {
				case runtime.SignalPostrun:
					line += " " + string(e.State)
				case runtime.SignalFailed, runtime.SignalRetry:
					line += " " + e.Err.Error()
				case runtime.SignalSucceeded:
					line += " " + string(e.Result)
				case runtime.SignalWorkerStopping, runtime.SignalRevoked, runtime.SignalDeferred:
					line += " " + e.Reason
				}
				heard[key] = append(heard[key], line)
			})
		}
		cancelled := r.enqueue(runtime.Request{Name: "nobody", Delay: time.Second, Options: runtime.TaskOptions{Expires: new(time.Second)}})
		<-time.After(3 * time.Second)
		w := r.start(func(o *worker.Options) { o.Signals = signals })
		r.ended(r.enqueue(runtime.Request{Name: "ok"}), runtime.StateSucceeded)
		r.ended(r.enqueue(runtime.Request{Name: "flaky"}), runtime.StateSucceeded)
		r.ended(r.enqueue(runtime.Request{Name: "bad"}), runtime.StateFailed)
		r.at(r.enqueue(runtime.Request{Name: "unknown"}), runtime.PlaceParked)
		r.ended(cancelled, runtime.StateCancelled)
		w.stop(runtime.DrainSoft)
		want := map[string][]string{
			"worker":  {"worker-init", "worker-ready", "worker-stopping soft", "worker-shutdown"},
			"ok":      {"task-received", "task-prerun", "task-succeeded {}", "task-postrun succeeded"},
			"bad":     {"task-received", "task-prerun", "task-failed broken", "task-postrun failed"},
			"flaky":   {"task-received", "task-prerun", "task-retry broken", "task-postrun retried", "task-received", "task-prerun", `task-succeeded "done"`, "task-postrun succeeded"},
			"unknown": {"task-deferred unknown-task"},
		}
		for key, lines := range want {
			if !slices.Equal(heard[key], lines) {
				t.Errorf("%s: heard %q, want %q", key, heard[key], lines)
			}
		}
	})
}

// W5: children know their parent and inherit what is the user's, no more.
func TestChildrenKnowTheirParent(t *testing.T) {
	inBubble(t, defs(task("parent", func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
		rs, err := t.Host.Enqueue(context.Background(), []runtime.Request{{ID: "kid", Name: "child"}, {ID: "stranger", Name: "child", NoParent: true}, {Name: "bad name"}})
		if err != nil || len(rs) != 3 || rs[0].Status != runtime.Accepted || rs[2].Status != runtime.Invalid {
			return nil, fmt.Errorf("%v, %v", rs, err)
		}
		return nil, nil
	}), task("child", func(_ context.Context, t *runtime.Task) (json.RawMessage, error) {
		return json.Marshal(map[string]any{"headers": t.Headers, "meta": t.Meta})
	})), func(r *rig) {
		w := r.start()
		id := r.enqueue(runtime.Request{
			Name: "parent", Headers: map[string]string{"user": "ann"}, Link: []runtime.Request{{ID: "next", Name: "child"}},
			Options: runtime.TaskOptions{HardLimit: new(time.Minute)},
		})
		r.ended(id, runtime.StateSucceeded)
		got := string(r.body(r.ended("kid", runtime.StateSucceeded)).Payload)
		want := fmt.Sprintf(`{"headers":{"user":"ann"},"meta":{"stem.parentAttempt":0,"stem.parentTaskId":%q,"stem.rootTaskId":%q}}`, id, id)
		if got != want {
			t.Errorf("child has %s\nwant      %s", got, want)
		}
		got = string(r.body(r.ended("stranger", runtime.StateSucceeded)).Payload)
		if strings.Contains(got, "parent") {
			t.Errorf("stranger has %s", got)
		}
		r.ended("next", runtime.StateSucceeded)
		w.stop(runtime.DrainWarm)
	})
}

// W36: progress is stored, and refused when it makes no sense.
func TestProgressIsStored(t *testing.T) {
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		reached := make(chan bool)
		errs := make(chan error, 4)
		var host runtime.Host
		r.redefine("x", func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
			host = t.Host
			errs <- t.Host.Progress(ctx, 101, nil)
			errs <- t.Host.Progress(ctx, 1, json.RawMessage(`{`))
			errs <- t.Host.Progress(ctx, 1, json.RawMessage(`"`+strings.Repeat("x", 70_000)+`"`))
			if err := t.Host.Progress(ctx, 42.5, json.RawMessage(`{"row":7}`)); err != nil {
				return nil, err
			}
			reached <- true
			<-reached
			return nil, nil
		})
		w := r.start()
		id := r.enqueue(runtime.Request{Name: "x"})
		<-reached
		if rec := r.get(id); rec.Percent != 42.5 || string(rec.Data) != `{"row":7}` || rec.State != runtime.StateRunning {
			t.Errorf("progress is %v %s", rec.Percent, rec.Data)
		}
		for range 3 {
			if err := <-errs; !errors.Is(err, runtime.ErrInvalid) {
				t.Errorf("bad progress: %v", err)
			}
		}
		reached <- true
		r.ended(id, runtime.StateSucceeded)
		if err := host.Progress(r.ctx, 50, nil); !errors.Is(err, runtime.ErrLeaseLost) {
			t.Errorf("progress after the end: %v", err)
		}
		host.Log("too late")
		w.stop(runtime.DrainWarm)
	})
}

func TestLogTailIsKeptAndBounded(t *testing.T) {
	inBubble(t, defs(task("x", func(_ context.Context, t *runtime.Task) (json.RawMessage, error) {
		for i := range 5000 {
			t.Host.Log(fmt.Sprintf("line %d\r\n", i))
		}
		t.Host.Log(strings.Repeat("é", 5000))
		return nil, nil
	})), func(r *rig) {
		w := r.start()
		log := r.body(r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateSucceeded)).Log
		lines := strings.Split(strings.TrimSuffix(log, "\n"), "\n")
		if len(log) > 16<<10 || len(log) < 15<<10 || !strings.HasPrefix(lines[0], "line ") || lines[len(lines)-2] != "line 4999" {
			t.Errorf("%d bytes, first %q, last but one %q", len(log), lines[0], lines[len(lines)-2])
		}
		if last := lines[len(lines)-1]; len(last) != 4096 || strings.Contains(last, "\uFFFD") {
			t.Errorf("long line has %d bytes", len(last))
		}
		w.stop(runtime.DrainWarm)
	})
}
