package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// System is one task queue under measurement. One goroutine opens, starts, stops and closes it; many
// goroutines may call Enqueue.
type System interface {
	// Open opens the store in s.Dir and creates it when it is not there.
	Open(ctx context.Context, s Settings) error
	// Enqueue returns once all tasks are accepted: one call of the system's single or batch API.
	Enqueue(ctx context.Context, tasks []Payload) error
	// Start runs a worker in this process with that many tasks at a time.
	Start(ctx context.Context, concurrency int, handle Handler) error
	// Stop ends the worker after the tasks it is running.
	Stop(ctx context.Context) error
	// Unfinished is how many tasks the store holds that are not finished; cheap enough to poll.
	Unfinished(ctx context.Context) (int, error)
	// Counts reads unfinished and successfully finished tasks from the store in one consistent look.
	Counts(ctx context.Context) (Counts, error)
	Close() error
}

// Handler is what a worker calls for each task.
type Handler func(Payload) Output

// Settings are the same for all systems of a run.
type Settings struct {
	Dir    string // holds the store; shared by all processes of a run
	Sync   string // SQLite's synchronous level: NORMAL or FULL
	Memory bool   // use the system's memory store instead
}

// SQLite's synchronous levels, both in WAL mode: NORMAL keeps the file sound but may lose the last
// commits when the machine (not the process) dies; FULL waits for the disk at every commit.
const (
	syncNormal = "NORMAL"
	syncFull   = "FULL"
)

// Counts is what a store says about its tasks.
type Counts struct{ Unfinished, Finished int }

// Claimer is a system whose claim can be timed by itself.
type Claimer interface {
	// Claim leases at most max tasks, oldest first, as a worker's fetch would, and returns them.
	Claim(ctx context.Context, max int) ([]Payload, error)
}

// Batcher is a system that knows how large its group commits were.
type Batcher interface {
	// Batches returns the mean number of tasks that shared a step, by step: "enqueue", "claim", "settle".
	Batches() map[string]float64
}

// column is one system in the table.
type column struct {
	name       string
	family     string // stem, river, backlite or raw: who is compared with whom
	about      string // settings, for the notes under the table
	oneProcess bool   // a task enqueued by another process is not seen
	create     func() System
	skip       func(scenario string) string // why it is left out there; nil: nowhere
}

// columns lists every system, in the order of the table.
func columns() []column {
	return slices.Concat(stemColumns(), riverColumns(), backliteColumns(), rawColumns())
}

// columnNamed finds a system by its name in the table.
func columnNamed(name string) (column, error) {
	var known []string
	for _, c := range columns() {
		if c.name == name {
			return c, nil
		}
		known = append(known, c.name)
	}
	return column{}, fmt.Errorf("no system %q; there are %s", name, strings.Join(known, ", "))
}

// sqliteDSN is the data source name that every SQLite system of the table uses.
func sqliteDSN(s Settings) string {
	return "file:" + filepath.Join(s.Dir, "bench.db") +
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(" + s.Sync + ")&_txlock=immediate"
}
