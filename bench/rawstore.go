package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// rawWide is how many rows the wide insert takes: one statement for many rows is the fastest way in.
const rawWide = 50

// rawStore is one table and its prepared statements on one connection.
type rawStore struct {
	db                                                         *sql.DB
	conn                                                       *sql.Conn
	begin, commit, rollback, insert, insertWide, claim, finish *sql.Stmt
}

// rawRow is a task on its way from the store to a handler and back.
type rawRow struct {
	seq  int64
	text string // the body when claimed, the result when finished
}

// A state is 0 for waiting, 1 for claimed, 2 for finished.
const rawSchema = `
	CREATE TABLE IF NOT EXISTS task (
		seq    INTEGER PRIMARY KEY,
		state  INTEGER NOT NULL,
		body   TEXT NOT NULL,
		result TEXT
	);
	CREATE INDEX IF NOT EXISTS task_waiting ON task (seq) WHERE state = 0;`

func openRawStore(ctx context.Context, s Settings) (*rawStore, error) {
	db, err := sql.Open("sqlite", sqliteDSN(s))
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store := &rawStore{db: db, conn: conn}
	if err := store.prepare(ctx); err != nil {
		return nil, errors.Join(err, store.close())
	}
	return store, nil
}

func (s *rawStore) prepare(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, rawSchema); err != nil {
		return err
	}
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.begin, `BEGIN IMMEDIATE`},
		{&s.commit, `COMMIT`},
		{&s.rollback, `ROLLBACK`},
		{&s.insert, `INSERT INTO task (state, body) VALUES (0, ?)`},
		{&s.insertWide, `INSERT INTO task (state, body) VALUES (0, ?)` + strings.Repeat(`, (0, ?)`, rawWide-1)},
		{&s.claim, `UPDATE task SET state = 1
			WHERE seq IN (SELECT seq FROM task WHERE state = 0 ORDER BY seq LIMIT ?) RETURNING seq, body`},
		{&s.finish, `UPDATE task SET state = 2, body = '', result = ? WHERE seq = ?`},
	} {
		stmt, err := s.conn.PrepareContext(ctx, p.text)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", p.text, err)
		}
		*p.stmt = stmt
	}
	return nil
}

// turn inserts, finishes and claims in one transaction and returns the claimed rows.
func (s *rawStore) turn(ctx context.Context, bodies []string, finished []rawRow, claim int) ([]rawRow, error) {
	if _, err := s.begin.ExecContext(ctx); err != nil {
		return nil, err
	}
	claimed, err := s.steps(ctx, bodies, finished, claim)
	if err == nil {
		_, err = s.commit.ExecContext(ctx)
	}
	if err != nil {
		_, undo := s.rollback.ExecContext(ctx)
		return nil, errors.Join(err, undo)
	}
	return claimed, nil
}

func (s *rawStore) steps(ctx context.Context, bodies []string, finished []rawRow, claim int) ([]rawRow, error) {
	if err := s.add(ctx, bodies); err != nil {
		return nil, err
	}
	for _, row := range finished {
		if _, err := s.finish.ExecContext(ctx, row.text, row.seq); err != nil {
			return nil, err
		}
	}
	if claim == 0 {
		return nil, nil
	}
	rows, err := s.claim.QueryContext(ctx, claim)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	claimed := make([]rawRow, 0, claim)
	for rows.Next() {
		var row rawRow
		if err := rows.Scan(&row.seq, &row.text); err != nil {
			return nil, err
		}
		claimed = append(claimed, row)
	}
	return claimed, rows.Err()
}

func (s *rawStore) add(ctx context.Context, bodies []string) error {
	args := make([]any, rawWide)
	for ; len(bodies) >= rawWide; bodies = bodies[rawWide:] {
		for i := range args {
			args[i] = bodies[i]
		}
		if _, err := s.insertWide.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	for _, body := range bodies {
		if _, err := s.insert.ExecContext(ctx, body); err != nil {
			return err
		}
	}
	return nil
}

// counts reads on a connection of its own.
func (s *rawStore) counts(ctx context.Context) (Counts, error) {
	var c Counts
	err := s.db.QueryRowContext(ctx, `
		SELECT coalesce(sum(state < 2), 0), coalesce(sum(state = 2 AND result IS NOT NULL), 0) FROM task`).
		Scan(&c.Unfinished, &c.Finished)
	return c, err
}

func (s *rawStore) close() error { return errors.Join(s.conn.Close(), s.db.Close()) }
