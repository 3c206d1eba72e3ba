// Package sqlite is stem's embedded store: one file, shared by any number of
// processes on one machine, with no server.
//
//	sqlite:stem.db                relative to the working directory
//	sqlite:///srv/stem.db         absolute
//	sqlite:stem.db?synchronous=full
//
// Options of the URL: synchronous (normal, full, extra, off), lock_wait (how
// long to wait for another process's transaction, 15s), max_pages (bounds the
// file, in pages of 4096 bytes).
//
// How it works:
//
//   - One goroutine of a process writes (writer.go). It takes what has gathered,
//     carries it out in one transaction, commits, and answers everybody: group
//     commit without a timer. Callers encode and decode outside of it.
//   - One table holds the tasks, one row a task for its whole life; partial
//     indexes are the lists of what is ready, due, leased and so on
//     (migrations/001_broker.sql). Settling a plain task is one UPDATE by row
//     number and fence; everything with a group, a unique key, a slot or a
//     pending order goes through end.go.
//   - A lease belongs to a consumer: renewing it touches one row.
//   - Counts of queues are kept beside the tasks and written once a queue and
//     transaction (turn.go).
//   - Other processes are woken at once through a file next to the store that
//     they watch (wake.go); a slow look at data_version makes it certain.
//   - Reads that need no lock use connections of their own (store.go).
//
// Durability: with synchronous=normal, the default, a crash of any process
// loses nothing; a power cut may lose the last commits, but never half of one.
// synchronous=full waits for the disk at each commit.
//
// The store's tables begin with "stem_", so that the file may also be the
// program's own database: that is what makes enqueueing in the caller's
// transaction possible (tx.go).
//
// It may import pkg/runtime and nothing else of stem. Where to start reading:
// open.go, then publish.go, receive.go, settle.go, end.go, recover.go.
package sqlite
