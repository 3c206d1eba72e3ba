package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// session carries out statements in one transaction: the writer's own (conn) or
// one of the caller (txSession).
//
//   - exec returns how many rows changed.
//   - query calls each for every row; the row is valid during the call only.
type session interface {
	exec(query string, args ...any) (int64, error)
	query(query string, each func(row) error, args ...any) error
}

// conn is one connection with its prepared statements, for one goroutine. It
// goes below database/sql, whose locking and conversions would cost the writer
// as much again as a small statement itself.
type conn struct {
	raw   driver.Conn
	stmts map[string]*stmt
}

type stmt struct {
	raw interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}
	args []driver.NamedValue // used again by each call
}

func newConn(ctx context.Context, c driver.Connector) (*conn, error) {
	raw, err := c.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{raw: raw, stmts: map[string]*stmt{}}, nil
}

// close frees the statements and the connection.
func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.raw.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// script runs statements that are not worth preparing, one after the other.
func (c *conn) script(text string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	return err
}

func (c *conn) exec(query string, args ...any) (int64, error) {
	s, err := c.bind(query, args)
	if err != nil {
		return 0, err
	}
	// Never a context: a statement that is interrupted halfway is of no use to
	// the other callers in the same transaction, and watching one costs a
	// goroutine.
	r, err := s.raw.ExecContext(context.Background(), s.args)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (c *conn) query(query string, each func(row) error, args ...any) (err error) {
	s, err := c.bind(query, args)
	if err != nil {
		return err
	}
	rows, err := s.raw.QueryContext(context.Background(), s.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := make(row, len(rows.Columns()))
	for {
		switch err := rows.Next(r); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

func (c *conn) bind(query string, args []any) (*stmt, error) {
	s := c.stmts[query]
	if s == nil {
		prepared, err := c.raw.(driver.ConnPrepareContext).PrepareContext(context.Background(), query)
		if err != nil {
			return nil, err
		}
		s = &stmt{args: make([]driver.NamedValue, len(args))}
		s.raw = prepared.(interface {
			driver.Stmt
			driver.StmtExecContext
			driver.StmtQueryContext
		})
		c.stmts[query] = s
	}
	for i, a := range args {
		v, err := value(a)
		if err != nil {
			return nil, err
		}
		s.args[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return s, nil
}

// value narrows the types that the statements of this package use to those that
// drivers know.
func value(a any) (driver.Value, error) {
	switch v := a.(type) {
	case nil, int64, string, []byte, float64, bool:
		return v, nil
	case int:
		return int64(v), nil
	case place:
		return int64(v), nil
	case flags:
		return int64(v), nil
	}
	return nil, fmt.Errorf("sqlite: argument of type %T", a)
}
