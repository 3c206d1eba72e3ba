package worker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// job is a delivery while this worker has it. It is known by its lease: the
// same task may be here twice, when its first lease was lost.
type job struct {
	runtime.Delivery
	ctx     context.Context // the handler's, made on arrival so that anybody may cancel it at any time
	cancel  context.CancelCauseFunc
	arrived time.Time
	plan    *plan // set by the stage known
	terms   terms // set by the stage admit

	decided    atomic.Bool
	asking     atomic.Bool                        // the store is deciding about its limits; the verdict says whether its lease is over
	begun      atomic.Bool                        // plan, terms and started are set, and the handler may run
	revocation atomic.Pointer[runtime.Revocation] // it was called off while it was here

	// For the handler.
	started  time.Time
	deadline time.Time // the hard limit; zero without one. Only the slot's goroutine uses it
	task     runtime.Task
	host     taskHost

	// Guarded by slots.mu.
	pos      int       // its place in slots.held; -1 when it is not held
	slot     *slot     // where it runs, or nil
	detached bool      // it was decided by somebody else while its handler ran
	until    time.Time // when the lease ends, by this worker's clock
	asked    time.Time // until when the handler asked to keep the task
}

// newJob takes a delivery in. The context it comes from has values for the
// handler but no cancellation: a common parent would be a lock that all slots
// fight for.
func (s *shift) newJob(d runtime.Delivery, now time.Time) *job {
	j := &job{Delivery: d, arrived: now, pos: -1, until: now.Add(s.o.Lease)}
	if j.Envelope == nil { // it cannot be decoded; the stage readable says so
		j.Envelope = &runtime.Envelope{ID: d.Lease.TaskID, Queue: d.Lease.Queue}
	}
	j.ctx, j.cancel = context.WithCancelCause(s.handler)
	j.host.job, j.host.shift = j, s
	return j
}

// decide claims the right to say what becomes of the job. Only the first caller
// gets it; whoever does must settle the job or drop it.
func (j *job) decide() bool { return j.decided.CompareAndSwap(false, true) }

// active describes the job to operators.
func (j *job) active() runtime.ActiveTask {
	return runtime.ActiveTask{
		ID: j.Lease.TaskID, Name: j.Envelope.Name, Queue: j.Lease.Queue,
		Attempt: j.Envelope.Attempt, StartedAt: j.started,
	}
}
