package drivertest

import (
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Harness is a driver as the suite sees it.
type Harness struct {
	// Name is the driver's, for output.
	Name string

	// New makes an empty store that nothing else uses and that is gone after the
	// test. Its time is clock's; nil is the real one.
	New func(t *testing.T, clock runtime.Clock) Store

	// Model makes a store of another driver, known to be right, for the property
	// test to compare with. Without it that test checks its own books only.
	Model func(t *testing.T, clock runtime.Clock) Store
}

// Store is one isolated store.
//
//   - Open gives another process' view of it, as far as the driver can without
//     starting one: what two views share, they share through the store. The
//     suite closes it.
//   - Concurrency: Open is called from the test's goroutine only.
type Store interface {
	Open(t *testing.T) *runtime.Backend
}

// Corrupter is a Store that can damage what it holds, so that the suite can see
// what becomes of an envelope that cannot be decoded.
type Corrupter interface {
	// Corrupt overwrites the stored envelope of a task with bytes that are not an
	// envelope.
	Corrupt(t *testing.T, taskID string)
}

// Transactor is a Store whose Backend has a Tx port.
type Transactor interface {
	// Begin opens a transaction of the caller, as a user's own code would, on a
	// connection of its own.
	Begin(t *testing.T) Tx
}

// Tx is the caller's transaction. Value is what [runtime.TxPublisher] takes.
type Tx struct {
	Value    any
	Commit   func() error
	Rollback func() error
}

// CrashHarness is a driver as Crash sees it.
type CrashHarness struct {
	// Name is the driver's, for output.
	Name string

	// New makes an empty store and returns the URL under which other processes
	// open it by [runtime.Open]. It is called in the parent only.
	New func(t *testing.T) string
}
