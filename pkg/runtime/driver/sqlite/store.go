package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// store is one Open of a file: a writer, connections to read with, and what
// wakes those who wait.
type store struct {
	path       string // absolute
	clock      runtime.Clock
	writer     *writer
	readers    *sql.DB
	bells      belfry
	version    string // of SQLite
	turns      turns
	limitRound round
	watching   watching

	listening  sync.Once
	background sync.WaitGroup // goroutines that end with closed
	life       context.Context
	end        context.CancelFunc
	closing    sync.Once
	closed     chan struct{}
	closeErr   error
}

// Each port is a type of its own, because several of them have a List.
type (
	broker      struct{ *store }
	queues      struct{ *store }
	deadLetters struct{ *store }
	results     struct{ *store }
	heartbeats  struct{ *store }
	bus         struct{ *store }
	locks       struct{ *store }
	limits      struct{ *store }
	directives  struct{ *store }
	audits      struct{ *store }
	txPublisher struct{ *store }
)

func (st *store) backend() *runtime.Backend {
	return &runtime.Backend{
		Broker: broker{st}, Queues: queues{st}, DeadLetters: deadLetters{st}, Results: results{st},
		Heartbeats: heartbeats{st}, Bus: bus{st}, Locks: locks{st}, Limits: limits{st},
		Directives: directives{st}, Audits: audits{st}, Tx: txPublisher{st},
		CloseFunc: st.close,
	}
}

// write carries out f in the writer's transaction and returns what it returned.
func write[T any](ctx context.Context, st *store, doing string, f func(*step) (T, error)) (T, error) {
	var out T
	err := st.write(ctx, doing, func(s *step) (err error) {
		out, err = f(s)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return out, nil
}

func (st *store) write(ctx context.Context, doing string, f func(*step) error) error {
	return st.writer.do(ctx, op{doing: doing, run: f})
}

// read carries out f on a snapshot of its own, beside the writer.
func (st *store) read(ctx context.Context, doing string, f func(session) error) error {
	if st.isClosed() {
		return errClosed()
	}
	tx, err := st.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err == nil {
		err = f(txSession{ctx, tx})
		_ = tx.Rollback() // there is nothing to lose
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case st.isClosed():
		return errClosed()
	}
	return fail(doing, err)
}

func (st *store) isClosed() bool {
	select {
	case <-st.closed:
		return true
	default:
		return false
	}
}

// close ends what is in progress with ErrUnavailable and frees everything.
func (st *store) close() error {
	st.closing.Do(func() {
		st.end()
		close(st.closed)
		close(st.writer.quit)
		<-st.writer.closed
		st.background.Wait()
		st.closeErr = errors.Join(st.writer.conn.close(), st.readers.Close(), st.bells.close())
	})
	return st.closeErr
}
