// Package client is the one way by which tasks get into a store: programs,
// handlers, schedules, replays and the command line all enqueue through it.
//
// Prepare is pure: it merges options, mints ids, encodes and checks, and makes
// no claim on anything. What must be claimed (a unique key, a place in a queue)
// is claimed by the store in the one step that stores the task, so a failure in
// between leaves nothing behind.
//
// The package does not run tasks, nor does it know what a store is made of. It
// imports pkg/runtime, pkg/runtime/codec and internal/flush. Start reading at
// prepare.go (from a request to a publication) and enqueue.go (how it gets into
// the store); wait.go and result.go are the way back.
package client
