package sqlite

import (
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func errClosed() error { return runtime.Errorf(runtime.CodeUnavailable, "the store is closed") }

// resultCode returns SQLite's primary result code, or 0 when err is not its.
func resultCode(err error) int {
	var e *driver.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// isBusy reports whether another connection has the lock that err asked for.
func isBusy(err error) bool {
	c := resultCode(err)
	return c == codes.SQLITE_BUSY || c == codes.SQLITE_LOCKED
}

// noRoom reports whether err is how SQLite tells that its shared memory file
// could not grow: a full disk is found there before anything is written.
func noRoom(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code() == codes.SQLITE_IOERR_SHMSIZE
}

// fail wraps an error of SQLite with its code, what was being done, and what a
// person can do about it. Errors of stem go through as they are.
func fail(doing string, err error) error {
	if err == nil || runtime.CodeOf(err) != "" {
		return err
	}
	e := &runtime.Error{Message: doing, Err: err}
	code := resultCode(err)
	if noRoom(err) {
		code = codes.SQLITE_FULL
	}
	switch code {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_PROTOCOL:
		e.Code = runtime.CodeUnavailable
		e.Hint = "another process keeps the file locked; look for a transaction that is not committed"
	case codes.SQLITE_FULL:
		e.Code = runtime.CodeFull
		e.Hint = "the disk is full, or the file has reached its size limit; nothing of this step was stored"
	case codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_AUTH:
		e.Code = runtime.CodeDenied
		e.Hint = "the file, its directory or its -wal and -shm files cannot be written by this user"
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		e.Code = runtime.CodeCorrupt
		e.Hint = "the file is damaged or no SQLite database; restore it from a backup or point store at another file"
	case codes.SQLITE_TOOBIG:
		e.Code = runtime.CodeInvalid
		e.Hint = "it is larger than SQLite stores in one row"
	case codes.SQLITE_CANTOPEN, codes.SQLITE_IOERR, codes.SQLITE_NOMEM, codes.SQLITE_INTERRUPT, codes.SQLITE_NOLFS:
		e.Code = runtime.CodeUnavailable
		e.Hint = "look at the file, its directory and the disk they are on"
	}
	if e.Code == "" {
		return fmt.Errorf("%s: %w", doing, err) // not SQLite's: a context that ended, for one
	}
	return e
}
