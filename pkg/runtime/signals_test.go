package runtime_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestSignalsReachListenersByPriority(t *testing.T) {
	var s runtime.Signals
	var heard []string
	hear := func(name string) func(context.Context, runtime.Signal) {
		return func(_ context.Context, e runtime.Signal) { heard = append(heard, name+" "+e.Sender) }
	}
	s.Listen(runtime.SignalPrerun, 0, hear("first"))
	s.Listen(runtime.SignalPrerun, 5, hear("urgent"))
	s.Listen(runtime.SignalPrerun, 0, hear("second"))
	s.Listen(runtime.SignalRetry, 9, hear("other"))
	s.Emit(context.Background(), runtime.Signal{Name: runtime.SignalPrerun, Sender: "w1"})
	if want := []string{"urgent w1", "first w1", "second w1"}; !reflect.DeepEqual(heard, want) {
		t.Errorf("heard %v", heard)
	}
	if !s.Wants(runtime.SignalPrerun) || s.Wants(runtime.SignalFailed) {
		t.Error("Wants is wrong")
	}
}

func TestSignalsSurviveAPanic(t *testing.T) {
	var reported error
	s := runtime.Signals{OnError: func(name runtime.SignalName, err error) { reported = fmt.Errorf("%s: %w", name, err) }}
	heard := false
	s.Listen(runtime.SignalFailed, 1, func(context.Context, runtime.Signal) { panic("boom") })
	s.Listen(runtime.SignalFailed, 0, func(context.Context, runtime.Signal) { heard = true })
	s.Emit(context.Background(), runtime.Signal{Name: runtime.SignalFailed})
	if !heard {
		t.Error("a listener's panic kept the next from hearing")
	}
	if reported == nil || !strings.Contains(reported.Error(), "boom") {
		t.Errorf("reported %v", reported)
	}
	s.OnError = nil
	s.Emit(context.Background(), runtime.Signal{Name: runtime.SignalFailed})
}

func TestNilSignalsHearNothing(t *testing.T) {
	var s *runtime.Signals
	s.Emit(context.Background(), runtime.Signal{Name: runtime.SignalFailed})
	if s.Wants(runtime.SignalFailed) {
		t.Error("nil wants something")
	}
}

// A listener may listen again while events are sent, from any goroutine.
func TestSignalsConcurrently(t *testing.T) {
	var s runtime.Signals
	s.Listen(runtime.SignalPrerun, 0, func(context.Context, runtime.Signal) {
		s.Listen(runtime.SignalPostrun, 0, func(context.Context, runtime.Signal) {})
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				s.Emit(context.Background(), runtime.Signal{Name: runtime.SignalPrerun})
				s.Emit(context.Background(), runtime.Signal{Name: runtime.SignalPostrun})
				s.Wants(runtime.SignalPostrun)
			}
		})
	}
	all.Wait()
}

func TestTaskInContext(t *testing.T) {
	if runtime.TaskFrom(context.Background()) != nil {
		t.Error("a task from nowhere")
	}
	task := &runtime.Task{ID: "x"}
	if runtime.TaskFrom(runtime.WithTask(context.Background(), task)) != task {
		t.Error("the task is not in the context")
	}
}

func TestClock(t *testing.T) {
	at := time.Date(2026, 1, 1, 1, 0, 0, 0, time.FixedZone("x", 3600))
	if got := runtime.Clock(func() time.Time { return at }).Now(); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("got %s", got)
	}
	before := time.Now()
	if got := runtime.Clock(nil).Now(); got.Before(before.Add(-time.Second)) || got.Location() != time.UTC {
		t.Errorf("the machine's clock says %s", got)
	}
}

func TestChannels(t *testing.T) {
	if runtime.EventsChannel("mail") != "stem.events:mail" || runtime.ReplyChannel("r1") != "stem.reply:r1" {
		t.Error("the names of channels have changed")
	}
}
