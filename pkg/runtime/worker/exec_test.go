//go:build unix

package worker_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/handler"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// A program knows its deadline, from its environment and from the greeting on
// descriptor 4, and one that runs into it is a timeout.
func TestProgramsKnowTheirHardLimit(t *testing.T) {
	program := func(script string) runtime.HandlerFunc {
		run, err := handler.Exec(handler.ExecSpec{Command: []string{"sh", "-c", script}})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	look := task("look", program(`read -r hello <&4; printf '{"env":"%s","hello":%s}' "$STEM_TASK_DEADLINE" "$hello"`), hard(time.Minute))
	slow := task("slow", program("sleep 60"), hard(200*time.Millisecond))
	loud := task("loud", program("head -c 2000000 /dev/zero"))
	began := time.Now()
	recs := runInRealTime(t, look, slow, loud)

	var seen struct {
		Env   time.Time
		Hello struct{ Deadline time.Time }
	}
	body, err := runtime.DecodeRecord(recs["look"].Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body.Payload, &seen); err != nil {
		t.Fatalf("payload %s: %v", body.Payload, err)
	}
	if d := seen.Env.Sub(began); d < time.Minute || d > 2*time.Minute || !seen.Hello.Deadline.Equal(seen.Env) {
		t.Errorf("deadline is in %s, by the greeting at %s", d, seen.Hello.Deadline)
	}
	if r := recs["slow"]; r.Reason != runtime.ReasonTimeout || r.Error != "handler did not finish within its hard limit of 200ms" {
		t.Errorf("slow program: reason %s, error %q", r.Reason, r.Error)
	}
	if r := recs["loud"]; r.Reason != runtime.ReasonTooLarge {
		t.Errorf("loud program: reason %s, error %q", r.Reason, r.Error)
	}
}

// runInRealTime runs one task of each definition to its end, outside of a
// bubble, and returns their records by name.
func runInRealTime(t *testing.T, ds ...runtime.Definition) map[string]runtime.TaskRecord {
	store, err := runtime.Open(t.Context(), "memory:", runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	reg, err := runtime.NewRegistry(ds...)
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(store, client.Options{Registry: reg})
	w, err := worker.New(store, c, worker.Options{Registry: reg, Concurrency: len(ds)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	var ids []string
	for _, d := range ds {
		if _, err := c.Enqueue(ctx, runtime.Request{ID: d.Name, Name: d.Name}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.Name)
	}
	changes, err := store.Results.Watch(ctx, ids)
	if err != nil {
		t.Fatal(err)
	}
	recs := map[string]runtime.TaskRecord{}
	for rec := range changes {
		if rec.State.Terminal() {
			recs[rec.ID] = rec
		}
		if !slices.ContainsFunc(ids, func(id string) bool { return recs[id].ID == "" }) {
			return recs
		}
	}
	t.Fatalf("only %d of %d tasks have ended", len(recs), len(ds))
	return nil
}
