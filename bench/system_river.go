package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite" // the "sqlite" driver of every column
)

// riverSystem is River on SQLite. Its driver demands one connection.
type riverSystem struct {
	cooldown, poll time.Duration // zero: River's defaults, 100 ms and 1 s

	db     *sql.DB
	client *river.Client[*sql.Tx] // inserts only, until Start puts a working client in its place
}

func riverColumns() []column {
	return []column{
		{
			name:   "river",
			family: "river",
			about:  "River at its defaults: FetchCooldown 100 ms, FetchPollInterval 1 s; one connection, as its driver asks; left out where no worker runs, as only workers use the settings",
			create: func() System { return &riverSystem{} },
			skip: func(scenario string) string {
				if strings.HasPrefix(scenario, "enq") {
					return "its settings matter to workers only"
				}
				return ""
			},
		},
		{
			name:   "river-tuned",
			family: "river",
			about:  "River with FetchCooldown 2 ms and FetchPollInterval 20 ms, the values of its own benchmark",
			create: func() System {
				return &riverSystem{cooldown: 2 * time.Millisecond, poll: 20 * time.Millisecond}
			},
		},
	}
}

// riverArgs gives the shared payload River's job kind.
type riverArgs struct{ Payload }

func (riverArgs) Kind() string { return "bench" }

// riverWorker records the handler's output, River's way of keeping a result.
type riverWorker struct {
	river.WorkerDefaults[riverArgs]
	handle Handler
}

func (w *riverWorker) Work(ctx context.Context, job *river.Job[riverArgs]) error {
	return river.RecordOutput(ctx, w.handle(job.Args.Payload))
}

func (r *riverSystem) Open(ctx context.Context, s Settings) error {
	db, err := sql.Open("sqlite", sqliteDSN(s))
	if err != nil {
		return fmt.Errorf("open river's store: %w", err)
	}
	db.SetMaxOpenConns(1)
	r.db = db
	migrator, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("prepare river's migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate river's store: %w", err)
	}
	r.client, err = river.NewClient(riversqlite.New(db), r.config(nil))
	return err
}

func (r *riverSystem) config(queues map[string]river.QueueConfig) *river.Config {
	return &river.Config{
		FetchCooldown:     r.cooldown,
		FetchPollInterval: r.poll,
		Logger:            slog.New(slog.DiscardHandler),
		Queues:            queues,
	}
}

func (r *riverSystem) Enqueue(ctx context.Context, tasks []Payload) error {
	if len(tasks) == 1 {
		_, err := r.client.Insert(ctx, riverArgs{tasks[0]}, nil)
		return err
	}
	params := make([]river.InsertManyParams, len(tasks))
	for i, p := range tasks {
		params[i].Args = riverArgs{p}
	}
	n, err := r.client.InsertManyFast(ctx, params)
	if err == nil && n != len(tasks) {
		err = fmt.Errorf("river inserted %d of %d", n, len(tasks))
	}
	return err
}

func (r *riverSystem) Start(ctx context.Context, concurrency int, handle Handler) error {
	config := r.config(map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: concurrency}})
	config.Workers = river.NewWorkers()
	river.AddWorker(config.Workers, &riverWorker{handle: handle})
	client, err := river.NewClient(riversqlite.New(r.db), config)
	if err != nil {
		return err
	}
	r.client = client
	return client.Start(ctx)
}

func (r *riverSystem) Stop(ctx context.Context) error { return r.client.Stop(ctx) }

func (r *riverSystem) Unfinished(ctx context.Context) (int, error) {
	var n int
	err := r.db.QueryRowContext(ctx,
		`SELECT count(*) FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled', 'pending')`).Scan(&n)
	return n, err
}

func (r *riverSystem) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	var discarded int
	err := r.db.QueryRowContext(ctx, `
		SELECT coalesce(sum(state NOT IN ('completed', 'cancelled', 'discarded')), 0),
		       coalesce(sum(state = 'completed' AND metadata ->> '$.output.seq' = args ->> '$.seq'), 0),
		       coalesce(sum(state IN ('cancelled', 'discarded')), 0)
		FROM river_job`).Scan(&c.Unfinished, &c.Finished, &discarded)
	if err == nil && discarded > 0 {
		err = errors.New("river discarded tasks")
	}
	return c, err
}

func (r *riverSystem) Close() error { return r.db.Close() }
