package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// BenchmarkDrain empties a queue of no-op tasks, with arguments decoded and
// results stored.
func BenchmarkDrain(b *testing.B) {
	for _, concurrency := range []int{2, 10, 100} {
		b.Run(fmt.Sprintf("memory/c%d", concurrency), func(b *testing.B) { drain(b, concurrency) })
	}
}

func drain(b *testing.B, concurrency int) {
	ctx := context.Background()
	store, err := runtime.Open(ctx, "memory:", runtime.OpenOptions{})
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
	b.ResetTimer()
	stopped := make(chan error, 1)
	go func() { stopped <- w.Run(ctx) }()
	left.Wait()
	if err := w.Drain(ctx, runtime.DrainWarm); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
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
