package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	rawGroup    = 500 // most inserts and most completions taken into one commit
	rawPrefetch = 100 // tasks claimed beyond the free slots

	// As wide as the rows that stem stores for the same task: 444 bytes waiting and 279 finished, the
	// columns beside the text included.
	rawWaitingBytes  = 435
	rawFinishedBytes = 270
)

// rawSystem is the limit of the store: the least work that still accepts tasks durably, runs each and
// keeps its result. It has no retries, leases, priorities, ids or limits. One goroutine owns the
// connection; each of its turns is one transaction: the inserts and completions that have gathered,
// and a claim for the free slots.
type rawSystem struct {
	store   *rawStore
	inserts chan rawInsert
	done    chan rawRow
	between chan func() // run by the writer between two turns
	stop    context.CancelFunc
	writer  sync.WaitGroup
	worker  *rawWorker // nil while none runs; the writer's
	sizes   batchSizes

	unfinished atomic.Int64 // kept beside the table: counting its rows would disturb the run
}

// rawInsert is one call of Enqueue; it is answered when its tasks are committed.
type rawInsert struct {
	bodies []string
	answer chan error
}

func rawColumns() []column {
	return []column{{
		name:       "raw",
		family:     "raw",
		about:      "the least that a queue must do: one writer goroutine, group commit, rows as wide as stem's; no ids, retries or leases",
		oneProcess: true,
		create:     func() System { return &rawSystem{} },
	}}
}

func (r *rawSystem) Open(ctx context.Context, s Settings) error {
	store, err := openRawStore(ctx, s)
	if err != nil {
		return fmt.Errorf("open raw store: %w", err)
	}
	counts, err := store.counts(ctx)
	if err != nil {
		return fmt.Errorf("count raw tasks: %w", err)
	}
	r.store = store
	r.unfinished.Store(int64(counts.Unfinished))
	r.inserts = make(chan rawInsert, rawGroup)
	r.done = make(chan rawRow, rawGroup)
	r.between = make(chan func())
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	r.writer.Go(func() { r.write(ctx) })
	return nil
}

func (r *rawSystem) Enqueue(ctx context.Context, tasks []Payload) error {
	insert := rawInsert{bodies: make([]string, len(tasks)), answer: make(chan error, 1)}
	for i, p := range tasks {
		body, err := padded(p, rawWaitingBytes)
		if err != nil {
			return err
		}
		insert.bodies[i] = body
	}
	r.inserts <- insert
	return <-insert.answer
}

func (r *rawSystem) Start(ctx context.Context, concurrency int, handle Handler) error {
	worker := startRawWorker(concurrency, handle, r.done)
	r.do(func() { r.worker = worker })
	return nil
}

// Stop takes the worker away from the writer, waits for what it was handed, and for its last commit.
func (r *rawSystem) Stop(context.Context) error {
	worker := r.worker
	r.do(func() { r.worker = nil })
	worker.finish()
	r.do(func() {})
	return worker.err()
}

func (r *rawSystem) Claim(ctx context.Context, max int) ([]Payload, error) {
	var rows []rawRow
	var err error
	r.do(func() { rows, err = r.store.turn(ctx, nil, nil, max) })
	if err != nil {
		return nil, err
	}
	payloads := make([]Payload, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal([]byte(row.text), &payloads[i]); err != nil {
			return nil, err
		}
	}
	return payloads, nil
}

func (r *rawSystem) Unfinished(context.Context) (int, error) { return int(r.unfinished.Load()), nil }

func (r *rawSystem) Counts(ctx context.Context) (Counts, error) { return r.store.counts(ctx) }

func (r *rawSystem) Batches() map[string]float64 { return r.sizes.means() }

func (r *rawSystem) Close() error {
	r.stop()
	r.writer.Wait()
	return r.store.close()
}

// do runs f in the writer after a turn that took all that was sent before, and waits for it.
func (r *rawSystem) do(f func()) {
	ran := make(chan struct{})
	r.between <- func() { f(); close(ran) }
	<-ran
}

// write is the writer: gather, commit, answer, hand out, for ever.
func (r *rawSystem) write(ctx context.Context) {
	for {
		turn := r.gather(ctx)
		if ctx.Err() != nil {
			return
		}
		if err := r.commit(ctx, turn); err != nil && r.worker != nil {
			r.worker.fail(err)
		}
		if turn.after != nil {
			turn.after()
		}
	}
}

// rawTurn is what one transaction takes.
type rawTurn struct {
	inserts []rawInsert
	done    []rawRow
	after   func()
}

// gather takes what is there, and waits for the first thing only when no task waits for a free slot.
func (r *rawSystem) gather(ctx context.Context) rawTurn {
	var t rawTurn
	if r.worker == nil || r.worker.room() == 0 || !r.worker.more {
		select {
		case in := <-r.inserts:
			t.inserts = append(t.inserts, in)
		case row := <-r.done:
			t.done = append(t.done, row)
		case t.after = <-r.between:
		case <-ctx.Done():
			return t
		}
	}
	for len(t.inserts) < rawGroup && len(t.done) < rawGroup {
		select {
		case in := <-r.inserts:
			t.inserts = append(t.inserts, in)
		case row := <-r.done:
			t.done = append(t.done, row)
		default:
			return t
		}
	}
	return t
}

func (r *rawSystem) commit(ctx context.Context, t rawTurn) error {
	var bodies []string
	for _, in := range t.inserts {
		bodies = append(bodies, in.bodies...)
	}
	claim := 0
	if r.worker != nil {
		r.worker.settled(len(t.done))
		r.worker.more = r.worker.more || len(bodies) > 0
		if r.worker.more {
			claim = r.worker.room()
		}
	}
	if len(bodies)+len(t.done)+claim == 0 {
		return nil
	}
	claimed, err := r.store.turn(ctx, bodies, t.done, claim)
	for _, in := range t.inserts {
		in.answer <- err
	}
	if err != nil {
		return err
	}
	r.unfinished.Add(int64(len(bodies) - len(t.done)))
	r.sizes.add("enqueue", len(bodies))
	r.sizes.add("settle", len(t.done))
	r.sizes.add("claim", len(claimed))
	if claim > 0 {
		r.worker.hand(claimed, claim)
	}
	return nil
}

// padded is v as JSON, filled with blanks to size bytes.
func padded(v any, size int) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return string(text) + strings.Repeat(" ", max(0, size-len(text))), nil
}
