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
	session := txSession{ctx, sqlTx}
	if err := p.sameFile(session); err != nil {
		return nil, err
	}
	s := newStep(session, p.clock)
	out, err := s.commit(d)
	if err == nil {
		err = s.finish()
	}
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return out, fail("publish tasks in the caller's transaction", err)
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
