package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// BenchmarkDrain empties a queue of no-op tasks, with arguments decoded and
// results stored.
func BenchmarkDrain(b *testing.B) {
	for _, driver := range []string{"memory", "sqlite"} {
		for _, concurrency := range []int{2, 10, 100} {
			b.Run(fmt.Sprintf("%s/c%d", driver, concurrency), func(b *testing.B) {
				url := "memory:"
				if driver == "sqlite" {
					url = "sqlite:" + filepath.Join(b.TempDir(), "stem.db")
				}
				drain(b, url, concurrency)
			})
		}
	}
}

func drain(b *testing.B, url string, concurrency int) {
	ctx := context.Background()
	store, err := runtime.Open(ctx, url, runtime.OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	var left sync.WaitGroup
	left.Add(b.N)
	reg, err := runtime.NewRegistry(runtime.Definition{Name: "noop", Run: func(context.Context, *runtime.Task) (json.RawMessage, error) {
		left.Done()
		return json.RawMessage(`{"ok":true}`), nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	c := client.New(store, client.Options{Registry: reg})
	enqueueNoops(b, c)
	w, err := worker.New(store, c, worker.Options{Registry: reg, Concurrency: concurrency})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	began := cpu(b)
	b.ResetTimer()
	stopped := make(chan error, 1)
	go func() { stopped <- w.Run(ctx) }()
	left.Wait()
	if err := w.Drain(ctx, runtime.DrainWarm); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/task")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
	if err := <-stopped; err != nil {
		b.Fatal(err)
	}
}

func enqueueNoops(b *testing.B, c *client.Client) {
	for n := b.N; n > 0; n -= 1000 {
		rs := make([]runtime.Request, min(n, 1000))
		for i := range rs {
			rs[i] = runtime.Request{Name: "noop", Args: json.RawMessage(`{"n":12345,"text":"hello"}`)}
		}
		if _, err := c.EnqueueMany(context.Background(), rs); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWorkerAlone has no store behind it: what is left is the worker's own
// work on a task, from the delivery to the encoded record.
func BenchmarkWorkerAlone(b *testing.B) {
	for _, concurrency := range []int{2, 100} {
		b.Run(fmt.Sprintf("c%d", concurrency), func(b *testing.B) {
			store := &endless{left: b.N, done: make(chan struct{})}
			w := noopWorker(b, &runtime.Backend{Broker: store}, concurrency)
			b.ReportAllocs()
			began := cpu(b)
			b.ResetTimer()
			stopped := make(chan error, 1)
			go func() { stopped <- w.Run(context.Background()) }()
			<-store.done
			b.StopTimer()
			b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/task")
			if err := w.Drain(context.Background(), runtime.DrainWarm); err != nil {
				b.Fatal(err)
			}
			if err := <-stopped; err != nil {
				b.Fatal(err)
			}
		})
	}
}

func noopWorker(b *testing.B, store *runtime.Backend, concurrency int) *worker.Worker {
	b.Helper()
	reg, err := runtime.NewRegistry(runtime.Definition{Name: "noop", Run: func(context.Context, *runtime.Task) (json.RawMessage, error) {
		return json.RawMessage(`{"ok":true}`), nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	w, err := worker.New(store, client.New(store, client.Options{Registry: reg}), worker.Options{Registry: reg, Concurrency: concurrency})
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// endless hands out the same task until b.N are handed out.
type endless struct {
	runtime.Broker
	mu      sync.Mutex
	left    int
	settled int
	n       int
	done    chan struct{}
}

var noopEnvelope = &runtime.Envelope{ID: "x", Name: "noop", Queue: runtime.DefaultQueue, Args: json.RawMessage(`{"n":12345,"text":"hello"}`), Headers: map[string]string{}}

func (e *endless) Receive(ctx context.Context, r runtime.Receive) ([]runtime.Delivery, error) {
	e.mu.Lock()
	n := min(e.left, r.Max)
	e.left -= n
	e.n += n
	e.mu.Unlock()
	if n == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ds := make([]runtime.Delivery, n)
	for i := range ds {
		ds[i] = runtime.Delivery{Lease: runtime.Lease{TaskID: "x", Queue: runtime.DefaultQueue, Fence: uint64(i)}, Envelope: noopEnvelope, Deliveries: 1}
	}
	return ds, nil
}

func (e *endless) Settle(_ context.Context, _ runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
	out := make([]runtime.SettleResult, len(ss))
	for i := range out {
		out[i].Status = runtime.Settled
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.settled += len(ss); e.settled == e.n && e.left == 0 {
		close(e.done)
	}
	return out, nil
}

func (e *endless) Extend(context.Context, runtime.Consumer, []runtime.Lease, time.Duration) (runtime.Extended, error) {
	return runtime.Extended{}, nil
}

func (e *endless) Recover(context.Context, runtime.Recover) (runtime.Recovered, error) {
	return runtime.Recovered{}, nil
}
