package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// txSession carries out statements in a transaction of database/sql: the
// caller's own, or a reader's snapshot.
type txSession struct {
	ctx context.Context
	tx  *sql.Tx
}

func (t txSession) exec(query string, args ...any) (int64, error) {
	vs, err := values(args)
	if err != nil {
		return 0, err
	}
	r, err := t.tx.ExecContext(t.ctx, query, vs...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t txSession) query(query string, each func(row) error, args ...any) (err error) {
	vs, err := values(args)
	if err != nil {
		return err
	}
	rows, err := t.tx.QueryContext(t.ctx, query, vs...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	r, to := make(row, len(columns)), make([]any, len(columns))
	for rows.Next() {
		for i := range r {
			to[i] = (*any)(&r[i])
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

func values(args []any) ([]any, error) {
	out := make([]any, len(args))
	for i, a := range args {
		v, err := value(a)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// PublishTx enqueues inside the caller's transaction, which must be on this
// store's file. If the transaction has not written before, the first statement
// here makes it a writing one, which fails while another process writes; a
// caller who begins it with _txlock=immediate waits there instead.
func (p txPublisher) PublishTx(ctx context.Context, tx any, e *runtime.Effects) ([]runtime.PublishResult, error) {
	sqlTx, ok := tx.(*sql.Tx)
	if !ok {
		return nil, &runtime.Error{
			Code:    runtime.CodeUnsupported,
			Message: fmt.Sprintf("publish in a transaction of type %T", tx),
			Hint:    "a SQLite store takes a *sql.Tx on the same file",
		}
	}
	d, err := newDraft(e)
	if err != nil {
		return nil, err
	}
	if err := p.sameFile(txSession{ctx, sqlTx}); err != nil {
		return nil, err
	}
	// A write that is interrupted halfway takes the whole transaction with it.
	session := txSession{context.WithoutCancel(ctx), sqlTx}
	var out []runtime.PublishResult
	err = session.whole(func() (err error) {
		s := newStep(untilDone{session, ctx}, p.clock)
		if out, err = s.commit(d); err != nil {
			return err
		}
		return s.finish()
	})
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, fail("publish tasks in the caller's transaction", err)
}

// whole carries out f or, when it fails, leaves nothing of it behind: the
// transaction is not stem's to roll back, and the caller may commit the rest.
func (t txSession) whole(f func() error) error {
	if _, err := t.exec(`SAVEPOINT stem`); err != nil {
		return err
	}
	err := f()
	if err != nil {
		// It fails when SQLite has rolled back all by itself, after a full disk for
		// one. Then there is nothing left to undo.
		_, _ = t.exec(`ROLLBACK TO stem`)
	}
	_, released := t.exec(`RELEASE stem`)
	if err != nil {
		return err
	}
	return released
}

// untilDone is a session that begins no more statements when a context has
// ended, and lets those in progress finish.
type untilDone struct {
	session
	ctx context.Context
}

func (u untilDone) exec(query string, args ...any) (int64, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.session.exec(query, args...)
}

func (u untilDone) query(query string, each func(row) error, args ...any) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	return u.session.query(query, each, args...)
}

// sameFile refuses a transaction on another database, where the tasks would be
// lost to this store.
func (p txPublisher) sameFile(s session) error {
	var path string
	_, err := one(s, `SELECT file FROM pragma_database_list WHERE name = 'main'`, func(r row) { path = r.str(0) })
	if err != nil {
		return fail("look up the transaction's file", err)
	}
	if path != p.path && !sameInode(path, p.path) {
		return &runtime.Error{
			Code:    runtime.CodeInvalid,
			Message: "publish in a transaction on " + shown(path),
			Hint:    "begin it on the store's own file, " + p.path,
		}
	}
	return nil
}

func sameInode(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

func shown(path string) string {
	if path == "" {
		return "a database in memory"
	}
	return path
}

// Wake tells waiting workers of all processes that there is work.
func (p txPublisher) Wake(ctx context.Context, _ []string) error {
	if p.isClosed() {
		return errClosed()
	}
	p.bells.ring(bellReady | bellRecords | bellOthers)
	return ctx.Err()
}
