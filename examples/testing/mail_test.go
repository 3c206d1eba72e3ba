package mail

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/runtimetest"
	"github.com/stem-jobs/stem/pkg/stem"
)

// try runs the handler once: no store, no worker, no retry.
func try(t *testing.T, m Mail, change ...func(*runtime.Task)) runtimetest.Execution {
	t.Helper()
	d, err := Send.Definition()
	if err != nil {
		t.Fatal(err)
	}
	return runtimetest.Run(t.Context(), d, m, change...)
}

func TestHandler(t *testing.T) {
	x := try(t, Mail{To: []string{"ada@example.org", "bob@slow.example.org"}})
	if x.Err != nil || string(x.Result) != "2" {
		t.Errorf("result %s, %v", x.Result, x.Err)
	}
	if len(x.Progress) != 2 || x.Progress[1].Percent != 100 {
		t.Errorf("progress %v", x.Progress)
	}
	if len(x.Extended) != 1 || x.Extended[0] != time.Minute {
		t.Errorf("extended by %v", x.Extended)
	}
	if strings.Join(x.Log, ", ") != "sent to ada@example.org, sent to bob@slow.example.org" {
		t.Errorf("log %v", x.Log)
	}
}

func TestHandlerFails(t *testing.T) {
	if x := try(t, Mail{To: []string{"nobody"}}); !runtime.IsPermanent(x.Err) {
		t.Errorf("a wrong address: %v", x.Err)
	}

	lost := &runtimetest.Host{Lose: true} // another worker has the task
	x := try(t, Mail{To: []string{"ada@example.org"}}, func(task *runtime.Task) { task.Host = lost })
	if !errors.Is(x.Err, runtime.ErrLeaseLost) {
		t.Errorf("with the lease lost: %v", x.Err)
	}

	passed := make(chan struct{})
	close(passed)
	late := &runtimetest.Host{Soft: passed} // the soft limit is over
	x = try(t, Mail{To: []string{"ada@example.org"}}, func(task *runtime.Task) { task.Host = late })
	var retry *runtime.RetryError
	if !errors.As(x.Err, &retry) || retry.After != time.Minute {
		t.Errorf("after the soft limit: %v", x.Err)
	}
}

// What is enqueued is checked and prepared as in production, and kept.
func TestEnqueued(t *testing.T) {
	recorder := runtimetest.NewRecorder(client.Options{})
	if err := Welcome(t.Context(), recorder, "17", "ada@example.org"); err != nil {
		t.Fatal(err)
	}
	all := recorder.Enqueued()
	if len(all) != 1 {
		t.Fatalf("%d tasks", len(all))
	}
	e := all[0].Envelope
	if e.ID != "welcome-17" || e.Name != "mail.send" || string(e.Args) != `{"to":["ada@example.org"],"text":"Welcome!"}` {
		t.Errorf("enqueued %s %s %s", e.ID, e.Name, e.Args)
	}
	if err := Welcome(t.Context(), recorder, "17", "ada@example.org"); err != nil || len(recorder.Enqueued()) != 1 {
		t.Errorf("the second time: %v, %d tasks", err, len(recorder.Enqueued()))
	}
	if err := Welcome(t.Context(), recorder, "no good id", "x"); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("a wrong id: %v", err)
	}
}

// The whole trip, a real worker on a store in memory, in the time of a bubble: a
// day passes in no time.
func TestTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, err := stem.Open(t.Context(), "memory:", stem.With(Send))
		if err != nil {
			t.Fatal(err)
		}
		defer app.Close()
		ctx, stop := context.WithCancel(t.Context())
		worker := make(chan error, 1)
		go func() { worker <- app.Work(ctx) }()

		began := time.Now()
		if err := Welcome(ctx, app.Client(), "17", "ada@example.org"); err != nil {
			t.Fatal(err)
		}
		sent, err := Send.Handle(app, "welcome-17").Wait(ctx)
		if err != nil || sent != 1 {
			t.Errorf("sent %d, %v", sent, err)
		}
		if waited := time.Since(began).Round(time.Minute); waited != 24*time.Hour {
			t.Errorf("it was sent after %s", waited)
		}
		stop()
		if err := <-worker; err != nil {
			t.Error(err)
		}
	})
}
