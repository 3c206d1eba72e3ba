// Package worker runs tasks: it takes leases from a store, gives the tasks to
// their handlers, and settles what came of them.
//
// pipeline.go names every stage of a delivery in order; each stage is a
// function in a file of its own. Start reading there. Then:
//
//	worker.go        a Worker, which can be run, drained and run again
//	shift.go         one Run of it: everything that starts afresh with each
//	fetch.go         the one reader: asks for what there is room for
//	slots.go         who waits, who runs, what is held; window.go: the prefetch
//	failure.go       errors as data: nothing of the handler's runs while judging
//	settle.go        outcomes go to the store in batches, repeated until they arrive
//	lease.go         leases are renewed for the whole process by one call
//	drain.go         warm, soft, hard: nothing lost, no attempt charged
//	housekeeping.go  due tasks, leases of the dead: any worker does it for all
//
// Rules that hold everywhere in it:
//
//   - A delivery is a job while this worker has it. Exactly one party decides
//     what becomes of a job: its handler by returning, the hard limit, the
//     renewal that finds the lease lost, or a drain (job.decide).
//   - A slot is taken until the handler has really returned, whatever was
//     decided meanwhile. Concurrency therefore bounds everything that runs.
//   - The worker never holds more leases than it has slots, plus the prefetch.
//   - What a store refuses because of its fence is normal life: counted, told
//     to listeners, logged at info.
//   - A task without limits costs no timer and no round trip of its own.
//
// The package does not know stores, configuration files or the terminal. It
// imports pkg/runtime, client, codec and internal/flush.
package worker
