package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

func TestRunsATaskAndStoresItsResult(t *testing.T) {
	inBubble(t, defs(task("echo", echo)), func(r *rig) {
		w := r.start()
		id := r.enqueue(runtime.Request{Name: "echo", Args: json.RawMessage(`{"a":1}`)})
		rec := r.ended(id, runtime.StateSucceeded)
		body := r.body(rec)
		if string(body.Payload) != `{"a":1}` {
			t.Errorf("payload is %s", body.Payload)
		}
		if body.StartedAt.IsZero() || body.FinishedAt.Before(body.StartedAt) {
			t.Errorf("times are %s and %s", body.StartedAt, body.FinishedAt)
		}
		if rec.Worker != w.ID() || rec.Deliveries != 1 || rec.Attempt != 0 {
			t.Errorf("record is %+v", rec)
		}
		w.stop(runtime.DrainWarm)
	})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	store, err := runtime.Open(t.Context(), "memory:", runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := client.New(store, client.Options{})
	cases := map[string]struct {
		store *runtime.Backend
		c     *client.Client
		o     worker.Options
		want  error
	}{
		"no broker":       {&runtime.Backend{}, c, worker.Options{}, runtime.ErrUnsupported},
		"no client":       {store, nil, worker.Options{}, runtime.ErrInvalid},
		"bad name":        {store, c, worker.Options{Name: "a b"}, runtime.ErrInvalid},
		"bad queue":       {store, c, worker.Options{Queues: []runtime.QueueShare{{Queue: "a\nb"}}}, runtime.ErrInvalid},
		"queue twice":     {store, c, worker.Options{Queues: []runtime.QueueShare{{Queue: "a"}, {Queue: "a"}}}, runtime.ErrInvalid},
		"negative weight": {store, c, worker.Options{Queues: []runtime.QueueShare{{Queue: "a", Weight: -1}}}, runtime.ErrInvalid},
		"no concurrency":  {store, c, worker.Options{Concurrency: -1}, runtime.ErrInvalid},
		"short lease":     {store, c, worker.Options{Lease: time.Millisecond}, runtime.ErrInvalid},
		"negative grace":  {store, c, worker.Options{SoftGrace: -1}, runtime.ErrInvalid},
		"bad defaults":    {store, c, worker.Options{Defaults: runtime.TaskOptions{Priority: new(12)}}, runtime.ErrInvalid},
	}
	for name, x := range cases {
		if _, err := worker.New(x.store, x.c, x.o); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
}

// W28: workers of one machine must not share a name by default.
func TestDefaultNamesDiffer(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.start(), r.start()
		if a.ID() == b.ID() {
			t.Errorf("both are called %s", a.ID())
		}
		r.until("both beat", func() bool {
			hs, err := r.store.Heartbeats.List(r.ctx)
			return err == nil && len(hs) == 2
		})
		a.stop(runtime.DrainWarm)
		b.stop(runtime.DrainWarm)
		if hs, _ := r.store.Heartbeats.List(r.ctx); len(hs) != 0 {
			t.Errorf("workers that stopped are still listed: %v", hs)
		}
	})
}

// W39: a worker can be run again in the same process, as a new incarnation.
func TestRunsAgainAfterItStopped(t *testing.T) {
	inBubble(t, defs(task("echo", echo)), func(r *rig) {
		w := r.start()
		first := w.beat().Incarnation
		r.ended(r.enqueue(runtime.Request{Name: "echo"}), runtime.StateSucceeded)
		if err := w.Run(r.ctx); !errors.Is(err, runtime.ErrConflict) {
			t.Errorf("a second Run at once: %v", err)
		}
		w.stop(runtime.DrainWarm)
		if st := w.State(); st.Running || st.Ready {
			t.Errorf("state after the stop: %+v", st)
		}
		if _, handled, err := w.Apply(r.ctx, runtime.Command{Type: runtime.CommandStats}); !handled || !errors.Is(err, runtime.ErrUnavailable) {
			t.Errorf("stats of a stopped worker: %v, %v", handled, err)
		}
		if err := w.Drain(r.ctx, runtime.DrainHard); err != nil {
			t.Errorf("drain of a stopped worker: %v", err)
		}

		w = r.run(w.Worker)
		if w.beat().Incarnation == first {
			t.Error("the second Run has the incarnation of the first")
		}
		r.ended(r.enqueue(runtime.Request{Name: "echo"}), runtime.StateSucceeded)
		w.stop(runtime.DrainWarm)
	})
}

func TestEndOfContextIsAHardStop(t *testing.T) {
	started := make(chan bool, 1)
	block := task("block", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
		started <- true
		return nil, nap(ctx, time.Hour)
	})
	inBubble(t, defs(block), func(r *rig) {
		w, err := worker.New(r.store, r.client, worker.Options{Registry: r.reg})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		id := r.enqueue(runtime.Request{Name: "block"})
		<-started
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if rec := r.get(id); rec.Place != runtime.PlaceReady || rec.Attempt != 0 {
			t.Errorf("task is %s, attempt %d", rec.Place, rec.Attempt)
		}
	})
}

func TestHeartbeatTellsWhatTheWorkerIsAndDoes(t *testing.T) {
	release := make(chan bool)
	block := task("block", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
		<-release
		return nil, nil
	})
	inBubble(t, defs(block, task("fail", fails), task("echo", echo)), func(r *rig) {
		release = make(chan bool)
		w := r.start(func(o *worker.Options) { o.Prefetch = 7; o.Build = "1.2" })
		r.ended(r.enqueue(runtime.Request{Name: "echo"}), runtime.StateSucceeded)
		r.ended(r.enqueue(runtime.Request{Name: "fail"}), runtime.StateFailed)
		id := r.enqueue(runtime.Request{Name: "block"})
		r.until("the task runs", func() bool { return w.State().Active == 1 })
		<-time.After(6 * time.Second) // the next heartbeat
		hs, err := r.store.Heartbeats.List(r.ctx)
		if err != nil || len(hs) != 1 {
			t.Fatalf("heartbeats: %v, %v", hs, err)
		}
		h := hs[0]
		if h.WorkerID != w.ID() || h.Build != "1.2" || h.Concurrency != 4 || h.Prefetch != 7 || h.State != "running" {
			t.Errorf("heartbeat is %+v", h)
		}
		if len(h.Tasks) != 3 || len(h.Queues) != 1 || h.Queues[0] != runtime.DefaultQueue {
			t.Errorf("tasks %v, queues %v", h.Tasks, h.Queues)
		}
		if h.Succeeded != 1 || h.Failed != 1 || h.Inflight != 1 || h.Rates[runtime.DefaultQueue] <= 0 {
			t.Errorf("counters are %+v", h)
		}
		if len(h.Active) != 1 || h.Active[0].ID != id || h.Active[0].Name != "block" || h.Active[0].StartedAt.IsZero() {
			t.Errorf("active is %+v", h.Active)
		}
		if h.LastRenewal.IsZero() {
			t.Error("no lease was renewed")
		}
		close(release)
		w.stop(runtime.DrainWarm)
	})
}
