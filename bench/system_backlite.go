package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/mikestefanello/backlite"
)

// backliteSystem is backlite with the modernc driver. It keeps a row for each finished task but has no
// results, so it writes a little less than the others.
type backliteSystem struct {
	conns   int // database connections
	workers int // zero: as many as the scenario's concurrency

	db     *sql.DB
	client *backlite.Client
	kill   context.CancelFunc // ends a worker that does not stop
}

func backliteColumns() []column {
	return []column{
		{
			name:       "backlite",
			family:     "backlite",
			about:      "backlite with as many workers as the concurrency and one connection; it keeps a row for each finished task but has no results",
			oneProcess: true,
			create:     func() System { return &backliteSystem{conns: 1} },
		},
		{
			name:       "backlite-tuned",
			family:     "backlite",
			about:      "backlite with 1,000 workers and four connections whatever the concurrency, the fastest drain found: it sleeps 100 ms whenever all workers are busy, and more of them hide the sleep; elsewhere it is no faster than backlite and left out",
			oneProcess: true,
			create:     func() System { return &backliteSystem{conns: 4, workers: 1000} },
			skip: func(scenario string) string {
				if strings.HasPrefix(scenario, "drain") {
					return ""
				}
				return "no faster there than backlite"
			},
		},
	}
}

// backliteTask gives the shared payload backlite's queue configuration.
type backliteTask struct{ Payload }

func (backliteTask) Config() backlite.QueueConfig {
	return backlite.QueueConfig{
		Name:        "bench",
		MaxAttempts: 3,
		Timeout:     time.Minute,
		Backoff:     time.Second,
		Retention:   &backlite.Retention{Duration: 24 * time.Hour},
	}
}

func (b *backliteSystem) Open(ctx context.Context, s Settings) error {
	db, err := sql.Open("sqlite", sqliteDSN(s))
	if err != nil {
		return fmt.Errorf("open backlite's store: %w", err)
	}
	db.SetMaxOpenConns(b.conns)
	b.db = db
	return b.newClient(1, func(p Payload) Output { return p.work() })
}

// newClient replaces the client: backlite fixes the number of workers and the handler when it is made.
func (b *backliteSystem) newClient(workers int, handle Handler) error {
	client, err := backlite.NewClient(backlite.ClientConfig{
		DB:              b.db,
		NumWorkers:      workers,
		ReleaseAfter:    5 * time.Minute,
		CleanupInterval: time.Hour,
	})
	if err != nil {
		return err
	}
	client.Register(backlite.NewQueue(func(_ context.Context, t backliteTask) error {
		handle(t.Payload)
		return nil
	}))
	b.client = client
	return client.Install()
}

func (b *backliteSystem) Enqueue(ctx context.Context, tasks []Payload) error {
	batch := make([]backlite.Task, len(tasks))
	for i, p := range tasks {
		batch[i] = backliteTask{p}
	}
	_, err := b.client.Add(batch...).Ctx(ctx).Save()
	return err
}

func (b *backliteSystem) Start(ctx context.Context, concurrency int, handle Handler) error {
	if b.workers > 0 {
		concurrency = b.workers
	}
	if err := b.newClient(concurrency, handle); err != nil {
		return err
	}
	ctx, b.kill = context.WithCancel(ctx)
	b.client.Start(ctx)
	return nil
}

// Stop gives up waiting after a while: a worker that is stopped with tasks in its hands sometimes never
// reports that it is done. What it had not finished stays unfinished in the store and in the ledger.
func (b *backliteSystem) Stop(ctx context.Context) error {
	defer b.kill()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	b.client.Stop(ctx)
	return nil
}

func (b *backliteSystem) Unfinished(ctx context.Context) (int, error) {
	var n int
	err := b.db.QueryRowContext(ctx, `SELECT count(*) FROM backlite_tasks`).Scan(&n)
	return n, err
}

func (b *backliteSystem) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	err := b.db.QueryRowContext(ctx, `
		SELECT (SELECT count(*) FROM backlite_tasks),
		       (SELECT count(*) FROM backlite_tasks_completed WHERE succeeded)`).Scan(&c.Unfinished, &c.Finished)
	return c, err
}

func (b *backliteSystem) Close() error { return b.db.Close() }
