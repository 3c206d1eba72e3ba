package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/runtimetest"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// Real time, real goroutines: workers that come and go by all kinds of drains,
// over a store that fails and loses replies. Every task ends exactly once, as
// what it must end as, and no attempt is charged for anything but failures.
func TestNothingIsLostWhateverHappens(t *testing.T) {
	t.Run("memory", func(t *testing.T) { stress(t, "memory:", 6000) })
	t.Run("sqlite", func(t *testing.T) { stress(t, "sqlite:"+filepath.Join(t.TempDir(), "stem.db"), 600) })
}

func stress(t *testing.T, url string, tasks int) {
	plain, err := runtime.Open(t.Context(), url, runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	store, faults := runtimetest.Inject(plain)
	quick := func(o *runtime.TaskOptions) {
		o.Retry = &runtime.RetryPolicy{Backoff: time.Millisecond, Constant: true}
		o.MaxRetries = new(1)
	}
	limited := func(o *runtime.TaskOptions) { o.Concurrency = new(3) }
	reg, err := runtime.NewRegistry(
		task("ok", echo), task("fail", fails, quick), task("permanent", func(context.Context, *runtime.Task) (json.RawMessage, error) {
			return nil, runtime.Permanent(errBroken)
		}, quick), task("limited", echo, limited), task("panic", func(context.Context, *runtime.Task) (json.RawMessage, error) {
			panic("stress")
		}, quick),
		task("slow", func(ctx context.Context, _ *runtime.Task) (json.RawMessage, error) {
			return nil, nap(ctx, rand.N(5*time.Millisecond))
		}),
	)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"ok", "fail", "permanent", "limited", "panic", "slow"}
	want := map[string]struct {
		state   runtime.State
		attempt int
	}{
		"ok": {runtime.StateSucceeded, 0}, "fail": {runtime.StateFailed, 1}, "permanent": {runtime.StateFailed, 0},
		"limited": {runtime.StateSucceeded, 0}, "panic": {runtime.StateFailed, 1}, "slow": {runtime.StateSucceeded, 0},
	}
	c := client.New(plain, client.Options{Registry: reg})
	var rs []runtime.Request
	for i := range tasks {
		rs = append(rs, runtime.Request{ID: fmt.Sprintf("t%d", i), Name: names[i%len(names)]})
	}
	if _, err := c.EnqueueMany(t.Context(), rs); err != nil {
		t.Fatal(err)
	}

	stop := make(chan bool)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { comeAndGo(t, store, c, reg, stop) })
	}
	all.Go(func() { disturb(faults, stop) })
	deadline := time.Now().Add(time.Minute)
	for unfinished(t, plain) > 0 {
		if time.Now().After(deadline) {
			t.Errorf("%d tasks have not ended", unfinished(t, plain))
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	close(stop)
	all.Wait()

	for _, q := range rs {
		got, err := plain.Results.Get(t.Context(), []string{q.ID})
		if err != nil {
			t.Fatal(err)
		}
		w := want[q.Name]
		if rec := got[0]; rec.State != w.state || rec.Attempt != w.attempt {
			t.Fatalf("%s %s is %s, attempt %d (%s), want %s, attempt %d", q.Name, q.ID, rec.State, rec.Attempt, rec.Error, w.state, w.attempt)
		}
	}
}

// comeAndGo runs one worker after the other.
func comeAndGo(t *testing.T, store *runtime.Backend, c *client.Client, reg *runtime.Registry, stop <-chan bool) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
			liveBriefly(t, store, c, reg, runtime.DrainMode(1+i%3))
		}
	}
}

// liveBriefly runs a worker and stops it at any moment of its life.
func liveBriefly(t *testing.T, store *runtime.Backend, c *client.Client, reg *runtime.Registry, mode runtime.DrainMode) {
	w, err := worker.New(store, c, worker.Options{Registry: reg, Concurrency: 1 + rand.N(20), Lease: time.Second})
	if err != nil {
		t.Error(err)
		return
	}
	done := make(chan error, 1)
	go func() { done <- w.Run(context.Background()) }()
	<-time.After(rand.N(50 * time.Millisecond))
	for {
		if err := w.Drain(context.Background(), mode); err != nil {
			t.Error(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		case <-time.After(time.Millisecond): // Run had not begun
		}
	}
}

// disturb makes the store fail now and then.
func disturb(f *runtimetest.Faults, stop <-chan bool) {
	away := runtime.Errorf(runtime.CodeUnavailable, "away")
	for {
		select {
		case <-stop:
			f.Lift("")
			return
		case <-time.After(rand.N(10 * time.Millisecond)):
		}
		f.Lift("") // what nobody ran into
		switch rand.N(5) {
		case 0:
			f.Lose("Broker.Settle", 1)
		case 1:
			f.Fail("Broker.Settle", 1, away)
		case 2:
			f.Fail("Broker.Receive", 1, errors.New("a strange error"))
		case 3:
			f.Fail("Broker.Extend", 1, away)
		case 4:
			f.Lose("Broker.Admit", 1)
		}
	}
}

func unfinished(t *testing.T, b *runtime.Backend) int64 {
	t.Helper()
	ss, err := b.Queues.Stats(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, s := range ss {
		n += s.Ready + s.Delayed + s.Waiting + s.Parked + s.Leased
	}
	return n
}

// Fault 20: whatever a stop interrupts, above all a fetch in the middle of its
// call, no lease is left behind that others would have to wait for.
func TestStopsLeaveNoLeaseBehind(t *testing.T) {
	for name, url := range map[string]string{"memory": "memory:", "sqlite": "sqlite:" + filepath.Join(t.TempDir(), "stem.db")} {
		t.Run(name, func(t *testing.T) {
			store, err := runtime.Open(t.Context(), url, runtime.OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			reg, err := runtime.NewRegistry(task("ok", echo))
			if err != nil {
				t.Fatal(err)
			}
			c := client.New(store, client.Options{Registry: reg})
			for round := range 30 {
				var enqueuing sync.WaitGroup
				enqueuing.Go(func() {
					for range 20 {
						if _, err := c.Enqueue(t.Context(), runtime.Request{Name: "ok"}); err != nil {
							t.Error(err)
						}
					}
				})
				liveBriefly(t, store, c, reg, runtime.DrainMode(1+round%3))
				ss, err := store.Queues.Stats(t.Context(), []string{runtime.DefaultQueue})
				if err != nil {
					t.Fatal(err)
				}
				if ss[0].Leased > 0 {
					t.Fatalf("round %d: %d leases are left", round, ss[0].Leased)
				}
				enqueuing.Wait()
			}
		})
	}
}
