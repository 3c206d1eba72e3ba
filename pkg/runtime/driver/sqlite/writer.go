package sqlite

import (
	"context"
	"math/rand/v2"
	goruntime "runtime"
	"sync/atomic"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// writer is the one goroutine of this process that writes. It takes what has
// gathered, carries it out in one transaction and commits: a single caller waits
// for nobody, and many share one commit. There is no timer.
//
// When one of several operations fails, the transaction is rolled back and each
// is carried out in one of its own, so that nobody gets another's error.
type writer struct {
	conn     *conn
	clock    runtime.Clock
	told     func(bells) // after each commit
	lockWait time.Duration
	ops      chan *pending
	parked   []*pending    // idle, until something becomes ready; of the loop alone
	quit     chan struct{} // closed by the store: finish and go
	closed   chan struct{} // closed by the writer: it is gone
}

// op is one caller's part of a transaction. Both functions may be called more
// than once; only what the last call of run did is committed.
//
//   - idle, if there is one, looks without a lock whether there is anything to
//     do at all.
//   - parks makes an idle op wait in the writer, until something becomes ready:
//     it then runs in the very transaction that made it so. The caller leaves
//     when parks is closed.
type op struct {
	doing string // for errors: "publish tasks"
	idle  func(*step) (bool, error)
	run   func(*step) error
	parks <-chan struct{}
}

// pending is an op and its caller.
type pending struct {
	op
	state atomic.Int32
	done  chan error
}

// An op waits until the writer takes it or its caller leaves. A caller cannot
// leave once it is taken: what it had done would be done for nobody.
const (
	opWaits int32 = iota
	opTaken
	opLeft
)

const maxTurn = 256 // operations in one transaction, so that nobody waits for too many others

func newWriter(c *conn, clock runtime.Clock, lockWait time.Duration, told func(bells)) *writer {
	w := &writer{
		conn: c, clock: clock, lockWait: lockWait, told: told,
		ops: make(chan *pending, maxTurn), quit: make(chan struct{}), closed: make(chan struct{}),
	}
	go w.loop()
	return w
}

// do carries out o and returns when it is committed.
func (w *writer) do(ctx context.Context, o op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := &pending{op: o, done: make(chan error, 1)}
	select {
	case <-w.quit:
		return errClosed()
	default:
	}
	select {
	case w.ops <- p:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return errClosed()
	}
	select {
	case err := <-p.done:
		return err
	case <-o.parks:
		if p.state.CompareAndSwap(opWaits, opLeft) {
			return nil
		}
	case <-ctx.Done():
		if p.state.CompareAndSwap(opWaits, opLeft) {
			return ctx.Err()
		}
	case <-w.closed:
		if p.state.CompareAndSwap(opWaits, opLeft) {
			return errClosed()
		}
	}
	return <-p.done
}

func (w *writer) loop() {
	defer close(w.closed)
	for {
		select {
		case p := <-w.ops:
			w.turn(w.gather(p))
		case <-w.quit:
			return
		}
	}
}

// gather takes what is there, and no more. It lets others run first: those whom
// the last turn answered are about to come again, and without it each turn would
// find only half of them.
func (w *writer) gather(first *pending) []*pending {
	goruntime.Gosched()
	batch := []*pending{first}
	for len(batch) < maxTurn {
		select {
		case p := <-w.ops:
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}

// turn carries out a batch: in one transaction, or, when that fails, each
// operation in one of its own.
func (w *writer) turn(batch []*pending) {
	if w.idle(batch) {
		return
	}
	if err := w.lock(); err != nil {
		answer(batch, err)
		return
	}
	batch, err := w.run(take(batch))
	if err == nil || len(batch) == 1 {
		answer(batch, err)
		return
	}
	for _, p := range batch {
		alone := []*pending{p}
		if err = w.lock(); err == nil {
			alone, err = w.run(alone)
		}
		answer(alone, err)
	}
}

// idle answers a batch of operations that all have nothing to do.
func (w *writer) idle(batch []*pending) bool {
	s := newStep(w.conn, w.clock)
	for _, p := range batch {
		if p.idle == nil {
			return false
		}
		nothing, err := p.idle(s)
		if err != nil || !nothing {
			return false // run meets the error again
		}
	}
	w.parked = waiting(w.parked)
	for _, p := range batch {
		if p.parks != nil {
			w.parked = append(w.parked, p)
		} else {
			answer(take([]*pending{p}), nil)
		}
	}
	return true
}

// waiting keeps the operations whose callers have not left.
func waiting(parked []*pending) []*pending {
	kept := parked[:0]
	for _, p := range parked {
		if p.state.Load() == opWaits {
			kept = append(kept, p)
		}
	}
	return kept
}

// run carries out a batch in the open transaction and commits it, or rolls it
// back. It returns the batch with those who were parked and had their turn in it.
func (w *writer) run(batch []*pending) ([]*pending, error) {
	s := newStep(w.conn, w.clock)
	batch, err := w.commit(s, batch)
	if err != nil {
		// After some errors, a full disk for one, SQLite has rolled back by
		// itself; ROLLBACK then only reports that there is nothing left to do.
		_, _ = w.conn.exec(`ROLLBACK`)
		return batch, err
	}
	w.told(s.rings)
	return batch, nil
}

// commit runs those last who take what the others make ready: a task that is
// published to a waiting worker costs one transaction, not two.
func (w *writer) commit(s *step, batch []*pending) ([]*pending, error) {
	for _, p := range batch {
		if p.parks == nil {
			if err := p.run(s); err != nil {
				return batch, fail(p.doing, err)
			}
		}
	}
	if s.rings&bellReady != 0 && len(w.parked) > 0 {
		batch = append(batch, take(w.parked)...)
		w.parked = nil
	}
	for _, p := range batch {
		if p.parks != nil {
			if err := p.run(s); err != nil {
				return batch, fail(p.doing, err)
			}
		}
	}
	if err := s.finish(); err != nil {
		return batch, fail("count tasks", err)
	}
	_, err := w.conn.exec(`COMMIT`)
	return batch, fail("commit", err)
}

// take claims the operations whose callers still wait.
func take(batch []*pending) []*pending {
	kept := batch[:0]
	for _, p := range batch {
		if p.state.CompareAndSwap(opWaits, opTaken) {
			kept = append(kept, p)
		}
	}
	return kept
}

func answer(batch []*pending, err error) {
	for _, p := range batch {
		p.done <- err
	}
}

// lock begins a transaction with the right to write. Another process may have
// it, for seconds even when a caller's own transaction is open; SQLite's own
// waiting sleeps up to 100 ms between tries and so starves whoever came first.
// Callers may leave meanwhile.
func (w *writer) lock() error {
	const shortest, longest = 50 * time.Microsecond, time.Millisecond
	pause := shortest
	deadline := time.Now().Add(w.lockWait)
	for {
		_, err := w.conn.exec(`BEGIN IMMEDIATE`)
		if err == nil {
			return nil
		}
		if !isBusy(err) || time.Now().After(deadline) {
			return fail("begin a transaction", err)
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-w.quit:
			return errClosed()
		}
		pause = min(pause*2, longest)
	}
}
