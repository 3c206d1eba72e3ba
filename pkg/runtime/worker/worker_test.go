package worker_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/memory"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestThin(t *testing.T) {
	ctx := context.Background()
	b, err := runtime.Open(ctx, "memory:", runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	reg, err := runtime.NewRegistry(runtime.Definition{Name: "t", Run: func(ctx context.Context, task *runtime.Task) (json.RawMessage, error) {
		return task.Args, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(b, client.Options{Registry: reg})
	w, err := worker.New(b, c, worker.Options{Registry: reg})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	r, err := c.Enqueue(ctx, runtime.Request{Name: "t", Args: json.RawMessage(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	watch, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	rs, err := b.Results.Watch(watch, []string{r.ID})
	if err != nil {
		t.Fatal(err)
	}
	for rec := range rs {
		if rec.State.Terminal() {
			t.Log(rec.State, string(rec.Body))
			break
		}
	}
	if err := w.Drain(ctx, runtime.DrainWarm); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	cancel()
	for range rs {
	}
}
