package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite" // stem.Open of a sqlite: URL
	"github.com/stem-jobs/stem/pkg/runtime/worker"
	"github.com/stem-jobs/stem/pkg/stem"
)

// stemSystem is stem as a program uses it: a typed task, the client, the worker, default settings.
type stemSystem struct {
	app    *stem.App
	task   *stem.TaskDef[Payload, Output]
	handle Handler // the worker's, set before it starts
	worker *worker.Worker
	ended  chan error // what Run returned
	sizes  *batchSizes
}

func stemColumns() []column {
	return []column{
		{
			name:   "stem",
			family: "stem",
			about:  "stem's client and worker with default settings, a typed task, results kept",
			create: func() System { return &stemSystem{} },
		},
		{
			name:   "stem-port",
			family: "stem",
			about:  "stem's store without its client and worker: a plain loop of Receive, handler and Settle over the Broker port; shown where the worker's own share matters",
			create: func() System { return &portSystem{} },
			skip: func(scenario string) string {
				switch scenario {
				case "drain10", "drain100", "sustain":
					return ""
				}
				return "shown only for drain and sustain"
			},
		},
	}
}

// stemURL names the store of a run.
func stemURL(s Settings) string {
	if s.Memory {
		return "memory:"
	}
	return "sqlite:" + filepath.Join(s.Dir, "bench.db") + "?synchronous=" + strings.ToLower(s.Sync)
}

func (s *stemSystem) Open(ctx context.Context, settings Settings) error {
	s.task = stem.Define("bench.task", func(_ context.Context, p Payload) (Output, error) {
		return s.handle(p), nil
	})
	app, err := stem.Open(ctx, stemURL(settings), stem.With(s.task))
	if err != nil {
		return err
	}
	s.app = app
	s.sizes = countBatches(app.Backend())
	return nil
}

func (s *stemSystem) Enqueue(ctx context.Context, tasks []Payload) error {
	if len(tasks) == 1 {
		_, err := s.task.Enqueue(ctx, s.app, tasks[0])
		return err
	}
	requests := make([]runtime.Request, len(tasks))
	for i, p := range tasks {
		var err error
		if requests[i], err = s.task.Request(p); err != nil {
			return err
		}
	}
	published, err := s.app.EnqueueMany(ctx, requests)
	if err != nil {
		return err
	}
	return allAccepted(published)
}

// allAccepted reports the first publication that was not stored.
func allAccepted(published []runtime.PublishResult) error {
	for _, p := range published {
		if p.Status != runtime.Accepted {
			return fmt.Errorf("task %s was not accepted: %s: %w", p.ID, p.Status, p.Err)
		}
	}
	return nil
}

func (s *stemSystem) Start(ctx context.Context, concurrency int, handle Handler) error {
	s.handle = handle
	w, err := worker.New(s.app.Backend(), s.app.Client(), worker.Options{
		Registry:    s.app.Registry(),
		Codecs:      s.app.Codecs(),
		Concurrency: concurrency,
	})
	if err != nil {
		return err
	}
	s.worker, s.ended = w, make(chan error, 1)
	go func() { s.ended <- w.Run(ctx) }()
	return nil
}

func (s *stemSystem) Stop(ctx context.Context) error {
	if err := s.worker.Drain(ctx, runtime.DrainWarm); err != nil {
		return err
	}
	return <-s.ended
}

// Claim is the store's part of a worker's fetch.
func (s *stemSystem) Claim(ctx context.Context, max int) ([]Payload, error) {
	deliveries, err := s.app.Backend().Broker.Receive(ctx, portReceive(max, 0))
	if err != nil {
		return nil, err
	}
	payloads := make([]Payload, len(deliveries))
	for i, d := range deliveries {
		if d.Err != nil {
			return nil, d.Err
		}
		if err := json.Unmarshal(d.Envelope.Args, &payloads[i]); err != nil {
			return nil, err
		}
	}
	return payloads, nil
}

func (s *stemSystem) Unfinished(ctx context.Context) (int, error) {
	return stemUnfinished(ctx, s.app.Backend())
}

func (s *stemSystem) Counts(ctx context.Context) (Counts, error) {
	return stemCounts(ctx, s.app.Backend())
}

func (s *stemSystem) Batches() map[string]float64 { return s.sizes.means() }

func (s *stemSystem) Close() error { return s.app.Close() }
