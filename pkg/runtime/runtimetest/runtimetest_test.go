package runtimetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/driver/memory"
	"github.com/stem-jobs/stem/pkg/runtime/runtimetest"
)

// thumbs makes a thumbnail and orders its upload.
var thumbs = runtime.Definition{Name: "thumbs", Run: func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
	var a struct{ Path string }
	if err := json.Unmarshal(t.Args, &a); err != nil {
		return nil, runtime.Permanent(err)
	}
	t.Host.Log("reading " + a.Path)
	if err := t.Host.Progress(ctx, 50, nil); err != nil {
		return nil, err
	}
	if err := t.Host.Extend(ctx, time.Minute); err != nil {
		return nil, err
	}
	if _, err := t.Host.Enqueue(ctx, []runtime.Request{{Name: "upload"}}); err != nil {
		return nil, err
	}
	return json.Marshal(fmt.Sprintf("%s.thumb, try %d", a.Path, t.Attempt))
}}

func ExampleRun() {
	x := runtimetest.Run(context.Background(), thumbs, map[string]any{"path": "a.jpg"})
	fmt.Println(string(x.Result), x.Err)
	fmt.Println(x.Progress[0].Percent, x.Children[0].Name, x.Log)
	// Output:
	// "a.jpg.thumb, try 0" <nil>
	// 50 upload [reading a.jpg]
}

func TestRunLetsTheTaskBeChanged(t *testing.T) {
	x := runtimetest.Run(t.Context(), thumbs, map[string]any{"path": "a"}, func(task *runtime.Task) { task.Attempt = 2 })
	if string(x.Result) != `"a.thumb, try 2"` || len(x.Extended) != 1 || x.Extended[0] != time.Minute {
		t.Errorf("execution is %+v", x)
	}
	x = runtimetest.Run(t.Context(), thumbs, map[string]any{"path": "a"}, func(task *runtime.Task) { task.Host = &runtimetest.Host{Lose: true} })
	if !errors.Is(x.Err, runtime.ErrLeaseLost) || x.Children != nil {
		t.Errorf("with the lease lost: %+v", x)
	}
	if x = runtimetest.Run(t.Context(), thumbs, make(chan int)); x.Err == nil {
		t.Error("arguments that are not JSON were accepted")
	}
}

func TestRecorderKeepsWhatIsEnqueued(t *testing.T) {
	r := runtimetest.NewRecorder(client.Options{})
	if _, err := r.Enqueue(t.Context(), runtime.Request{ID: "a", Name: "mail.send", Args: json.RawMessage(`{"to":"ann"}`)}); err != nil {
		t.Fatal(err)
	}
	res, err := r.EnqueueMany(t.Context(), []runtime.Request{{ID: "a", Name: "mail.send"}, {ID: "b", Name: "mail.send"}})
	if err != nil || res[0].Status != runtime.Exists || res[1].Status != runtime.Accepted {
		t.Errorf("results %+v, %v", res, err)
	}
	if _, err := r.Enqueue(t.Context(), runtime.Request{Name: "no good name"}); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("a wrong request: %v", err)
	}
	got := r.Enqueued()
	if len(got) != 2 || got[0].Envelope.ID != "a" || string(got[0].Envelope.Args) != `{"to":"ann"}` {
		t.Errorf("enqueued %+v", got)
	}
	r.Reset()
	if len(r.Enqueued()) != 0 {
		t.Error("the reset forgot nothing")
	}
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain, err := memory.Driver{}.Open(t.Context(), "memory:", runtime.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Close()
		b, f := runtimetest.Inject(plain)
		recover := func() error {
			_, err := b.Broker.Recover(t.Context(), runtime.Recover{})
			return err
		}
		f.Fail("Broker.Recover", 2, errors.ErrUnsupported)
		for i, want := range []error{errors.ErrUnsupported, errors.ErrUnsupported, nil} {
			if err := recover(); !errors.Is(err, want) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if n := f.Calls("Broker.Recover"); n != 3 {
			t.Errorf("%d calls counted", n)
		}

		f.Lose("Directives.Put", 1) // not one that is faked
		f.Lose("Broker.Publish", 1)
		c := client.New(b, client.Options{Retries: -1})
		if _, err := c.Enqueue(t.Context(), runtime.Request{ID: "a", Name: "x"}); !errors.Is(err, runtime.ErrUnavailable) {
			t.Errorf("lost reply: %v", err)
		}
		if rs, _ := b.Results.Get(t.Context(), []string{"a"}); rs[0].State != runtime.StateQueued {
			t.Error("the call whose reply was lost was not carried out")
		}

		f.Delay("Broker.Recover", 1, time.Minute)
		began := time.Now()
		if err := recover(); err != nil || time.Since(began) != time.Minute {
			t.Errorf("delayed by %s: %v", time.Since(began), err)
		}
		f.Hang("", -1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := b.Heartbeats.Beat(ctx, runtime.Heartbeat{WorkerID: "w"}, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("hanging: %v", err)
		}
		f.Lift("")
		if err := recover(); err != nil {
			t.Errorf("after the faults: %v", err)
		}
	})
}

func TestClock(t *testing.T) {
	c := runtimetest.NewClock(time.Unix(1000, 0))
	c.Advance(time.Minute)
	if got := c.Clock().Now(); got.Unix() != 1060 {
		t.Errorf("it is %s", got)
	}
}
