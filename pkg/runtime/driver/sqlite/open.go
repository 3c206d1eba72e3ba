package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"time"

	sqlite3 "modernc.org/sqlite"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func init() { runtime.Register(Driver{}) }

// Driver opens SQLite files.
//
//   - Concurrency: safe for use by many goroutines. Opening a file twice in one
//     process gives two stores that share it as two processes would.
type Driver struct{}

// Schemes returns "sqlite".
func (Driver) Schemes() []string { return []string{"sqlite"} }

// Open returns the store in a file, creating the file and its directory when
// they are missing and upgrading an older schema.
//
//   - Errors: ErrInvalid (the URL), ErrDenied, ErrCorrupt, ErrIncompatible (newer
//     schema), ErrFull, ErrUnavailable; ErrNotFound when ReadOnly is asked of a
//     file that does not exist; ctx.Err(). Each with a hint.
func (Driver) Open(ctx context.Context, storeURL string, o runtime.OpenOptions) (*runtime.Backend, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := parseURL(storeURL)
	if err != nil {
		return nil, err
	}
	doing := "cannot open store " + runtime.MaskURL(storeURL)
	created, err := l.prepare(o)
	if err != nil {
		return nil, openError(doing, err)
	}
	st, err := openStore(ctx, l, o)
	if err != nil {
		return nil, openError(doing, err)
	}
	b := st.backend()
	b.Info = runtime.StoreInfo{
		Driver: "sqlite", URL: runtime.MaskURL(storeURL), Version: st.version, Schema: newestSchema, Created: created, Shared: true,
	}
	return b, nil
}

// openError says which store could not be opened, once.
func openError(doing string, err error) error {
	var e *runtime.Error
	if errors.As(err, &e) && e.Op == opOpen {
		return &runtime.Error{Code: e.Code, Message: doing + ": " + e.Message, Hint: e.Hint, Err: e.Err}
	}
	return fail(doing, err)
}

// opOpen marks errors that openError completes.
const opOpen = "sqlite.Open"

func problem(code runtime.Code, message, hint string) error {
	return &runtime.Error{Code: code, Op: opOpen, Message: message, Hint: hint}
}

// prepare makes the directory, and tells whether the file has yet to be made.
func (l location) prepare(o runtime.OpenOptions) (created bool, err error) {
	// Never open the file here: closing it again would drop the locks that this
	// process holds on it through other connections (POSIX).
	info, err := os.Stat(l.path)
	switch {
	case err == nil && info.IsDir():
		return false, problem(runtime.CodeInvalid, "it is a directory", "name a file in it, such as "+filepath.Join(l.path, "stem.db"))
	case err == nil:
		return false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, problem(runtime.CodeDenied, err.Error(), "check the path and who may read it")
	case o.ReadOnly || o.MustExist:
		return false, problem(runtime.CodeNotFound, "the file does not exist", "check the path; a command that works with it creates it, such as stem enqueue or stem up")
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return false, problem(runtime.CodeDenied, err.Error(), "make the directory, or point store at another one")
	}
	return true, l.create()
}

// create makes an empty file for its owner alone, because it will hold what the
// tasks are about. SQLite would let everybody read it; what it makes beside the
// file has the file's own mode. The file is made elsewhere and linked, because
// it must not be opened under its name; see prepare.
func (l location) create() error {
	f, err := os.CreateTemp(filepath.Dir(l.path), filepath.Base(l.path)+"-new-*") // 0600
	if err != nil {
		return problem(runtime.CodeDenied, err.Error(), "let this user write to the directory, or point store at another one")
	}
	err = errors.Join(f.Close(), os.Link(f.Name(), l.path))
	if errors.Is(err, fs.ErrExist) {
		err = nil // another process was faster
	}
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		return problem(runtime.CodeDenied, err.Error(), "look at the directory and the file system it is on")
	}
	return nil
}

const (
	writerCache = 8 << 10 // KiB of pages kept in memory
	readerCache = 2 << 10
	maxReaders  = 4
	openWait    = 5 * time.Second // for a lock at opening, while another process recovers or upgrades the file
)

func openStore(ctx context.Context, l location, o runtime.OpenOptions) (*store, error) {
	c, err := openWriter(ctx, l, o)
	if err != nil {
		return nil, err
	}
	readers, err := l.connector(readerCache)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	st := &store{path: l.path, clock: o.Clock, readers: sql.OpenDB(readers), closed: make(chan struct{})}
	st.readers.SetMaxOpenConns(maxReaders)
	st.life, st.end = context.WithCancel(context.Background())
	st.bells.path = l.path + wakeSuffix
	if _, err := one(c, `SELECT sqlite_version()`, func(r row) { st.version = r.str(0) }); err != nil {
		return nil, errors.Join(err, c.close(), st.readers.Close())
	}
	st.writer = newWriter(c, o.Clock, l.lockWait, st.bells.ring)
	return st, nil
}

// openWriter tries again while the file is locked. SQLite's own waiting does not
// cover the change to WAL, which several processes may attempt on a new file at
// the same moment.
func openWriter(ctx context.Context, l location, o runtime.OpenOptions) (*conn, error) {
	deadline := time.Now().Add(openWait)
	for {
		c, err := tryWriter(ctx, l, o)
		if err == nil || !isBusy(err) || time.Now().After(deadline) {
			return c, err
		}
		select {
		case <-time.After(time.Millisecond + rand.N(5*time.Millisecond)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func tryWriter(ctx context.Context, l location, o runtime.OpenOptions) (*conn, error) {
	connector, err := l.connector(writerCache)
	if err != nil {
		return nil, err
	}
	c, err := newConn(ctx, connector)
	if err != nil {
		return nil, err
	}
	if err := ready(c, o); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// ready brings the schema up to date and makes sure that the file can be
// written: SQLite opens one that cannot, and says so much later.
func ready(c *conn, o runtime.OpenOptions) error {
	if err := migrate(c, o); err != nil {
		return err
	}
	// From here on the writer waits for locks in its own way.
	if err := c.script(`PRAGMA busy_timeout = 0`); err != nil {
		return err
	}
	switch err := c.script(`BEGIN IMMEDIATE`); {
	case err == nil:
		return c.script(`ROLLBACK`)
	case isBusy(err):
		return nil // somebody writes
	default:
		return err
	}
}

// connector opens connections with stem's settings.
func (l location) connector(cacheKiB int) (driver.Connector, error) {
	q := url.Values{}
	for _, p := range []string{
		fmt.Sprintf("busy_timeout(%d)", openWait.Milliseconds()),
		"journal_mode(wal)",
		"synchronous(" + l.synchronous + ")",
		fmt.Sprintf("cache_size(-%d)", cacheKiB),
		"temp_store(memory)",
		"journal_size_limit(67108864)", // the WAL shrinks to this after a burst
	} {
		q.Add("_pragma", p)
	}
	if l.maxPages != "" {
		q.Add("_pragma", "max_page_count("+l.maxPages+")")
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(l.path), RawQuery: q.Encode()}
	return sqlite3.NewConnector(u.String())
}
