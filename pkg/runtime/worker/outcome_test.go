package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

func retries(n int) func(*runtime.TaskOptions) {
	return func(o *runtime.TaskOptions) { o.MaxRetries = &n }
}

// failing returns a handler that fails the first n times with err.
func failing(n int32, err error) runtime.HandlerFunc {
	var calls atomic.Int32
	return func(context.Context, *runtime.Task) (json.RawMessage, error) {
		if calls.Add(1) <= n {
			return nil, err
		}
		return json.RawMessage(`"done"`), nil
	}
}

// W20: without a policy of its own a task waits for the default backoff; W3: a
// retry is one step, with the attempt counted and the history kept.
func TestRetriesAFailedAttempt(t *testing.T) {
	inBubble(t, defs(task("flaky", failing(2, errBroken), retries(3))), func(r *rig) {
		w := r.start()
		began := time.Now()
		id := r.enqueue(runtime.Request{Name: "flaky"})
		rec := r.at(id, runtime.PlaceDelayed)
		if rec.State != runtime.StateRetried || rec.Attempt != 1 {
			t.Errorf("after one failure: %s, attempt %d", rec.State, rec.Attempt)
		}
		if wait := rec.DueAt.Sub(began); wait < 1500*time.Millisecond || wait > 2*time.Second {
			t.Errorf("first retry after %s, want 1.5s to 2s", wait)
		}
		if e := r.body(rec).Error; e == nil || !e.Retryable || e.Message != "broken" || e.Type != "errors.errorString" {
			t.Errorf("error of the attempt: %+v", e)
		}
		rec = r.ended(id, runtime.StateSucceeded)
		if took := time.Since(began); took < 4*time.Second || took > 8*time.Second {
			t.Errorf("two retries took %s", took)
		}
		body := r.body(rec)
		if rec.Attempt != 2 || len(body.Attempts) != 2 || body.Attempts[0].Attempt != 0 || body.Attempts[1].Message != "broken" {
			t.Errorf("attempt %d, history %+v", rec.Attempt, body.Attempts)
		}
		if h := w.beat(); h.Retried != 2 || h.Succeeded != 1 || h.Failed != 0 {
			t.Errorf("counters: %+v", h)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestHistoryIsBounded(t *testing.T) {
	long := errors.New(strings.Repeat("é", 400) + "\nsecond line")
	quick := func(o *runtime.TaskOptions) {
		o.Retry = &runtime.RetryPolicy{Backoff: time.Millisecond, Constant: true, NoJitter: true}
	}
	inBubble(t, defs(task("fail", failing(1000, long), retries(14), quick)), func(r *rig) {
		w := r.start()
		rec := r.ended(r.enqueue(runtime.Request{Name: "fail"}), runtime.StateFailed)
		history := r.body(rec).Attempts
		if len(history) != 10 || history[9].Attempt != 13 {
			t.Fatalf("history has %d entries, the last of attempt %d", len(history), history[len(history)-1].Attempt)
		}
		if m := history[9].Message; len(m) > 300 || !strings.HasPrefix(m, "éé") || strings.Contains(m, "\uFFFD") {
			t.Errorf("message is %d bytes: %q", len(m), m)
		}
		if strings.ContainsAny(rec.Error, "\n\r") || len(rec.Error) > 300 {
			t.Errorf("error line is %q", rec.Error)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestWhatAFailureComesTo(t *testing.T) {
	only := func(p runtime.RetryPolicy) func(*runtime.TaskOptions) {
		return func(o *runtime.TaskOptions) { o.Retry = &p }
	}
	panics := func(context.Context, *runtime.Task) (json.RawMessage, error) { panic("oh dear") }
	panicsWith := func(err error) runtime.HandlerFunc {
		return func(context.Context, *runtime.Task) (json.RawMessage, error) { panic(err) }
	}
	returns := func(result string, err error) runtime.HandlerFunc {
		return func(context.Context, *runtime.Task) (json.RawMessage, error) { return json.RawMessage(result), err }
	}
	cases := map[string]struct {
		def      runtime.Definition
		reason   string
		attempts int
		message  string
	}{
		"no retries":          {task("x", fails), runtime.ReasonExhausted, 1, "broken"},
		"retries used up":     {task("x", fails, retries(2)), runtime.ReasonExhausted, 3, "broken"},
		"permanent":           {task("x", returns("", runtime.Permanent(errBroken)), retries(2)), runtime.ReasonPermanent, 1, "broken"},
		"filtered":            {task("x", returns("", fs.ErrNotExist), retries(2), only(runtime.RetryPolicy{DontMatch: []func(error) bool{func(err error) bool { return errors.Is(err, fs.ErrNotExist) }}})), runtime.ReasonPermanent, 1, "file does not exist"},
		"filtered by name":    {task("x", returns("", runtime.Errorf(runtime.CodeFull, "full")), retries(2), only(runtime.RetryPolicy{DontRetryFor: []string{"full"}})), runtime.ReasonPermanent, 1, "full"},
		"policy's own number": {task("x", fails, retries(9), only(runtime.RetryPolicy{Max: new(1)})), runtime.ReasonExhausted, 2, "broken"},
		"panic":               {task("x", panics, retries(1)), runtime.ReasonPanic, 2, "panic: oh dear"},
		"panic, filtered":     {task("x", panicsWith(runtime.Permanent(errBroken)), retries(1)), runtime.ReasonPermanent, 1, "panic: broken"},
		"explicit, used up":   {task("x", returns("", runtime.RetryAfter(time.Second, nil)), retries(1)), runtime.ReasonExhausted, 2, "retry requested"},
		"result too large":    {task("x", returns(`"`+strings.Repeat("x", 200)+`"`, nil), retries(1)), runtime.ReasonTooLarge, 1, "result is 202 bytes; the limit is 100"},
		"result not JSON":     {task("x", returns(`{oops`, nil), retries(1)), runtime.ReasonPermanent, 1, "handler's result is not JSON"},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, defs(x.def), func(r *rig) {
				w := r.start(func(o *worker.Options) { o.MaxResultBytes = 100 })
				rec := r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateFailed)
				body := r.body(rec)
				if rec.Place != runtime.PlaceDead || rec.Reason != x.reason || rec.Error != x.message {
					t.Errorf("%s, reason %s, error %q", rec.Place, rec.Reason, rec.Error)
				}
				if rec.Attempt+1 != x.attempts || len(body.Attempts) != x.attempts-1 {
					t.Errorf("attempt %d, history %+v, want %d attempts", rec.Attempt, body.Attempts, x.attempts)
				}
				if body.Error == nil || body.Error.Retryable || body.Error.Message != x.message {
					t.Errorf("stored error: %+v", body.Error)
				}
				if stack := body.Error.Stack; (stack != "") != strings.HasPrefix(x.message, "panic") || stack != "" && !strings.Contains(stack, "outcome_test.go") {
					t.Errorf("stack: %q", stack)
				}
				w.stop(runtime.DrainWarm)
			})
		})
	}
}

func TestExplicitRetrySaysWhen(t *testing.T) {
	cases := map[string]struct {
		err      error
		earliest time.Duration
		latest   time.Duration
	}{
		"after":           {runtime.RetryAfter(90*time.Second, errBroken), 90 * time.Second, 90 * time.Second},
		"at":              {&runtime.RetryError{After: time.Second, At: time.Date(2000, 1, 1, 0, 30, 0, 0, time.UTC)}, 30 * time.Minute, 30 * time.Minute},
		"by the policy":   {&runtime.RetryError{}, 1500 * time.Millisecond, 2 * time.Second},
		"wrapped":         {fmt.Errorf("call: %w", runtime.RetryAfter(time.Minute, nil)), time.Minute, time.Minute},
		"more of them":    {&runtime.RetryError{After: time.Minute, Max: new(5)}, time.Minute, time.Minute},
		"beyond a filter": {runtime.RetryAfter(time.Minute, fs.ErrNotExist), time.Minute, time.Minute},
	}
	filter := func(o *runtime.TaskOptions) {
		o.Retry = &runtime.RetryPolicy{RetryFor: []string{"errors.errorString"}, DontMatch: []func(error) bool{}}
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, defs(task("x", failing(1, x.err), retries(1), filter)), func(r *rig) {
				w := r.start()
				began := time.Now()
				id := r.enqueue(runtime.Request{Name: "x"})
				rec := r.at(id, runtime.PlaceDelayed)
				if wait := rec.DueAt.Sub(began); wait < x.earliest || wait > x.latest+100*time.Millisecond {
					t.Errorf("due after %s, want %s to %s", wait, x.earliest, x.latest)
				}
				r.ended(id, runtime.StateSucceeded)
				w.stop(runtime.DrainWarm)
			})
		})
	}
}

// A handler that allows itself more retries gets them, also after the first.
func TestExplicitRetryRaisesTheNumber(t *testing.T) {
	again := &runtime.RetryError{After: time.Second, Max: new(3)}
	inBubble(t, defs(task("x", failing(3, again))), func(r *rig) {
		w := r.start()
		if rec := r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateSucceeded); rec.Attempt != 3 {
			t.Errorf("attempt %d", rec.Attempt)
		}
		w.stop(runtime.DrainWarm)
	})
}

// ... and so it does when the producer did not know the task.
func TestExplicitRetryOfATaskTheProducerDidNotKnow(t *testing.T) {
	calls := 0
	once := func(context.Context, *runtime.Task) (json.RawMessage, error) {
		switch calls++; calls {
		case 1:
			return nil, &runtime.RetryError{After: time.Second, Max: new(3)}
		case 2, 3:
			return nil, errBroken
		}
		return nil, nil
	}
	inBubble(t, defs(task("x", once)), func(r *rig) {
		r.client = client.New(r.store, client.Options{})
		w := r.start()
		if rec := r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateSucceeded); rec.Attempt != 3 {
			t.Errorf("attempt %d", rec.Attempt)
		}
		w.stop(runtime.DrainWarm)
	})
}

// The matchers of the definition hold whatever policy the call brings along:
// functions do not travel.
func TestMatchersOfTheDefinitionHold(t *testing.T) {
	match := func(o *runtime.TaskOptions) {
		o.Retry = &runtime.RetryPolicy{DontMatch: []func(error) bool{func(err error) bool { return errors.Is(err, errBroken) }}}
	}
	inBubble(t, defs(task("x", fails, match)), func(r *rig) {
		w := r.start()
		id := r.enqueue(runtime.Request{Name: "x", Options: runtime.TaskOptions{Retry: &runtime.RetryPolicy{Max: new(5)}}})
		if rec := r.ended(id, runtime.StateFailed); rec.Attempt != 0 || rec.Reason != runtime.ReasonPermanent {
			t.Errorf("attempt %d, reason %s", rec.Attempt, rec.Reason)
		}
		w.stop(runtime.DrainWarm)
	})
}

// refusing refuses settlements by outcome.
type refusing struct {
	runtime.Broker
	what map[runtime.Outcome]bool
}

func (b refusing) Settle(ctx context.Context, c runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
	out := make([]runtime.SettleResult, len(ss))
	for i, s := range ss {
		if b.what[s.Outcome] {
			out[i] = runtime.SettleResult{Status: runtime.Refused, Err: runtime.Errorf(runtime.CodeInvalid, "too much")}
			continue
		}
		rs, err := b.Broker.Settle(ctx, c, ss[i:i+1])
		if err != nil {
			return nil, err
		}
		out[i] = rs[0]
	}
	return out, nil
}

// What the store refuses to store does not come back for ever.
func TestRefusedSettlementsEndAsDeadLetters(t *testing.T) {
	inBubble(t, defs(task("x", echo)), func(r *rig) {
		broker := r.store.Broker
		r.store.Broker = refusing{broker, map[runtime.Outcome]bool{runtime.Succeeded: true}}
		w := r.start()
		rec := r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateFailed)
		if rec.Reason != runtime.ReasonPermanent || !strings.Contains(rec.Error, "succeeded: too much") {
			t.Errorf("reason %s, error %q", rec.Reason, rec.Error)
		}
		w.stop(runtime.DrainWarm)
	})
}

// What a handler has left running sees the end of its context.
func TestContextEndsWithTheHandler(t *testing.T) {
	inBubble(t, defs(task("x", unset)), func(r *rig) {
		ended := make(chan bool, 1)
		r.redefine("x", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
			go func() {
				<-ctx.Done()
				ended <- true
			}()
			return nil, nil
		})
		w := r.start()
		r.ended(r.enqueue(runtime.Request{Name: "x"}), runtime.StateSucceeded)
		<-ended
		w.stop(runtime.DrainWarm)
	})
}

// A call's own policy wins over the definition's.
func TestPolicyOfTheCallWins(t *testing.T) {
	inBubble(t, defs(task("x", failing(1, errBroken))), func(r *rig) {
		w := r.start()
		began := time.Now()
		id := r.enqueue(runtime.Request{Name: "x", Options: runtime.TaskOptions{
			Retry: &runtime.RetryPolicy{Max: new(1), Backoff: 10 * time.Minute, Cap: time.Hour, NoJitter: true},
		}})
		r.ended(id, runtime.StateSucceeded)
		if took := time.Since(began); took < 10*time.Minute || took > 10*time.Minute+2*time.Second {
			t.Errorf("retried after %s", took)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestIgnoreResultKeepsTheRecordWithoutThePayload(t *testing.T) {
	big := func(context.Context, *runtime.Task) (json.RawMessage, error) {
		return json.RawMessage(`"` + strings.Repeat("x", 2<<20) + `"`), nil
	}
	ignore := func(o *runtime.TaskOptions) { o.IgnoreResult = new(true) }
	inBubble(t, defs(task("big", big, ignore)), func(r *rig) {
		w := r.start()
		body := r.body(r.ended(r.enqueue(runtime.Request{Name: "big"}), runtime.StateSucceeded))
		if body.Payload != nil || body.FinishedAt.IsZero() {
			t.Errorf("body is %+v", body)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestKeepsRecordsAsLongAsTheTaskSays(t *testing.T) {
	keep := func(d time.Duration) func(*runtime.TaskOptions) {
		return func(o *runtime.TaskOptions) { o.KeepResult = &d }
	}
	inBubble(t, defs(task("hour", echo, keep(time.Hour)), task("none", echo, keep(0)), task("day", echo)), func(r *rig) {
		w := r.start()
		began := time.Now()
		none := r.enqueue(runtime.Request{Name: "none"})
		hour := r.ended(r.enqueue(runtime.Request{Name: "hour"}), runtime.StateSucceeded)
		if k := hour.KeepUntil.Sub(began).Round(time.Minute); k != time.Hour {
			t.Errorf("kept for %s", k)
		}
		day := r.ended(r.enqueue(runtime.Request{Name: "day"}), runtime.StateSucceeded)
		if k := day.KeepUntil.Sub(began).Round(time.Minute); k != runtime.DefaultKeep {
			t.Errorf("kept for %s", k)
		}
		r.until("the record is gone", func() bool { return r.get(none).State == "" })
		w.stop(runtime.DrainWarm)
	})
}

// A handler that ends its goroutine fails the attempt and costs no slot.
func TestGoexitIsAFailure(t *testing.T) {
	inBubble(t, defs(task("exit", goexit), task("echo", echo)), func(r *rig) {
		w := r.start(func(o *worker.Options) { o.Concurrency = 1 })
		for range 3 {
			if rec := r.ended(r.enqueue(runtime.Request{Name: "exit"}), runtime.StateFailed); !strings.Contains(rec.Error, "Goexit") {
				t.Errorf("error is %q", rec.Error)
			}
		}
		r.ended(r.enqueue(runtime.Request{Name: "echo"}), runtime.StateSucceeded)
		w.stop(runtime.DrainWarm)
	})
}

// Links go with the settlement; they are children of the task and inherit
// neither its group nor its links (W5).
func TestLinksFollowTheEnd(t *testing.T) {
	inBubble(t, defs(task("ok", echo), task("fail", fails, retries(1)), task("after", echo), task("sorry", echo)), func(r *rig) {
		w := r.start()
		links := func(name string) runtime.Request {
			return runtime.Request{
				Name: name, Headers: map[string]string{"user": "ann"},
				Link:      []runtime.Request{{ID: "link-" + name, Name: "after", Args: json.RawMessage(`{"n":1}`)}},
				LinkError: []runtime.Request{{ID: "err-" + name, Name: "sorry"}},
			}
		}
		ok := r.enqueue(links("ok"))
		r.ended(ok, runtime.StateSucceeded)
		r.ended("link-ok", runtime.StateSucceeded)
		failed := r.enqueue(links("fail"))
		r.ended(failed, runtime.StateFailed)
		r.ended("err-fail", runtime.StateSucceeded)
		for _, id := range []string{"err-ok", "link-fail"} {
			if rec := r.get(id); rec.State != "" {
				t.Errorf("%s was enqueued", id)
			}
		}
		w.stop(runtime.DrainWarm)
	})
}
