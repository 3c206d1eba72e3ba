// Package runtime is the vocabulary of stem and the ports that a store
// implements. Everything else in stem is built on the words defined here.
//
// The trip of one task:
//
//	client.Prepare ── route, encode ──► Broker.Publish(Effects)      one step: unique claim, group, record
//	                                         │ (not due yet: waits in the store)
//	worker ◄──────────────────────── Broker.Receive                  a lease with a fence; revocations looked up in the claim
//	   │  known? revoked? expired? ──► Broker.Admit                  rates and slots, only for tasks that have them
//	   ▼
//	Handler(ctx, *Task)                                              Go function, program (exec) or URL (http)
//	   │  result | error | retry | timeout | revoked | lease lost
//	   ▼
//	worker.settle ─────────────────► Broker.Settle                   one fenced step: outcome, result, group, unique, follow-ups
//
// Where to start reading: envelope.go (what travels), effects.go (what one
// step may leave behind), broker.go (the hot path), state.go (what a task may
// become), errors.go (the codes everything returns). One file a port:
//
//	broker.go       publish, receive, admit, extend, settle, cancel, recover
//	queues.go       counts, listings and "where is it" for operators
//	deadletters.go  tasks that ended in failure and wait for a decision
//	results.go      records of tasks, progress, groups
//	heartbeats.go   which workers live and what they can do
//	bus.go          messages to everybody: control, queue events, broadcast
//	locks.go        leadership and users' locks, with fences
//	limits.go       rates and slots as operators see and change them
//	directives.go   what operators have ordered: pauses, overrides
//	audits.go       who did what
//	tx.go           enqueue inside the caller's own transaction
//
// Ports are cut along atomicity, not along nouns: what must commit together is
// one call. A driver implements ports and nothing else; routing, encoding,
// defaults, validation and retry arithmetic happen once, above them.
//
// Words. Task: the user's idea. Envelope: the task on the wire. Delivery: an
// envelope in a worker's hands, with a lease. Attempt: a zero-based try by the
// handler. Slot: one concurrent execution. Worker: a process. Signal: a
// lifecycle hook of stem, never an OS signal. Directive: an operator's order.
//
// The package imports the standard library only. It shares its name with the
// standard package runtime; files that need both import that one as goruntime.
package runtime
