// Package dlq works on dead letters in bulk: replay, purge and export of
// everything that matches, in batches, at a chosen rate, with progress, and so
// that an interrupted run can simply be started again.
//
// One dead letter at a time is the port runtime.DeadLetters; this package adds
// only the walk over many. It imports runtime and runtime/client.
//
// Start reading at Replay.
package dlq
