package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	maxSettle   = 500 // settlements in one call
	settleLanes = 2   // calls under way at once
	settleTries = 5   // of a whole batch that fails for a reason that should not pass

	refusedPause = 30 * time.Second // before a task runs again whose end the store refuses
)

// settling is a settlement on its way to the store.
//
//   - then, when set, gets the answer, and the job stays held.
//   - refused: the store has refused what should have become of the task.
type settling struct {
	job        *job
	ending     ending
	settlement runtime.Settlement
	then       func(runtime.SettleResult)
	refused    bool
}

// settler hands settlements to the store in batches: the first goes at once,
// what gathers meanwhile rides on the next call. Handlers do not wait for it.
type settler struct {
	shift *shift

	mu      sync.Mutex
	pending []settling
	flying  sync.WaitGroup
	lanes   int
}

// settle queues what becomes of a job. Only who has decided the job calls it.
func (s *shift) settle(j *job, e ending) {
	s.settler.add(settling{job: j, ending: e, settlement: s.settlement(j, &e)})
}

func (t *settler) add(x settling) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, x)
	if t.lanes < settleLanes {
		t.lanes++
		t.flying.Go(t.run)
	}
}

// wait returns when no call is under way any more.
func (t *settler) wait() { t.flying.Wait() }

// run settles batch after batch until nothing is pending.
func (t *settler) run() {
	for {
		batch := t.take()
		if len(batch) == 0 {
			return
		}
		results := t.insist(t.shift.ops, batch, t.shift.outage("settle tasks"), settleTries)
		t.shift.conclude(batch, results)
	}
}

func (t *settler) take() []settling {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.pending), maxSettle)
	if n == 0 {
		t.lanes--
		t.pending = nil
		return nil
	}
	batch := t.pending[:n:n]
	t.pending = t.pending[n:]
	return batch
}

// insist repeats the call until the store has answered. Repeating does no harm:
// what had arrived answers Repeated, and what came too late is fenced. After so
// many tries, what fails for a reason that does not pass is taken apart: one
// settlement that the store chokes on must not keep the others. It returns nil
// when ctx ends first.
func (t *settler) insist(ctx context.Context, batch []settling, trouble *outage, tries int) []runtime.SettleResult {
	for {
		results, err := t.call(ctx, batch)
		tries--
		switch {
		case err == nil:
			trouble.over()
			return results
		case ctx.Err() != nil:
			return nil
		case tries <= 0 && !passes(err) && len(batch) > 1:
			return t.insistApart(ctx, batch, trouble)
		case tries <= 0 && !passes(err) && batch[0].ending.outcome != runtime.Released:
			trouble.over()
			return []runtime.SettleResult{{Status: runtime.Refused, Err: err}}
		}
		if !trouble.wait(ctx, err) { // also for a single release: it holds nothing that could be wrong
			return nil
		}
	}
}

// insistApart settles the halves of a batch.
func (t *settler) insistApart(ctx context.Context, batch []settling, trouble *outage) []runtime.SettleResult {
	half := len(batch) / 2
	first := t.insist(ctx, batch[:half], trouble, 1)
	second := t.insist(ctx, batch[half:], trouble, 1)
	if first == nil || second == nil {
		return nil
	}
	return append(first, second...)
}

func (t *settler) call(ctx context.Context, batch []settling) ([]runtime.SettleResult, error) {
	ss := make([]runtime.Settlement, len(batch))
	for i := range batch {
		ss[i] = batch[i].settlement
	}
	results, err := t.shift.broker.Settle(ctx, t.shift.me, ss)
	if err == nil && len(results) != len(ss) {
		err = fmt.Errorf("store answered %d of %d settlements", len(results), len(ss))
	}
	return results, err
}

// passes reports whether a failure is the store's and not a settlement's, so
// that waiting helps.
func passes(err error) bool {
	return errors.Is(err, runtime.ErrUnavailable) || errors.Is(err, runtime.ErrFull) || errors.Is(err, runtime.ErrDenied)
}

// conclude notes what became of a batch; results is nil when the store never
// answered.
func (s *shift) conclude(batch []settling, results []runtime.SettleResult) {
	done := make([]*job, 0, len(batch))
	for i := range batch {
		x := &batch[i]
		switch {
		case results == nil:
			done = append(done, x.job)
		case x.then != nil:
			x.then(results[i])
		case results[i].Status == runtime.Refused && x.ending.outcome != runtime.Released:
			s.insteadOf(x, results[i].Err)
		default:
			s.account(x, results[i])
			done = append(done, x.job)
		}
	}
	s.slots.drop(done...)
	if results == nil {
		s.log.Error("outcomes could not be stored; these tasks will run again", "tasks", len(batch))
	}
}

// insteadOf sends a task to the dead letters whose settlement the store has
// refused: repeating what it refuses would go on for ever. If it refuses that,
// too, the task goes back as it was, because a lease that is kept is renewed as
// long as this worker lives.
func (s *shift) insteadOf(x *settling, why error) {
	err := runtime.Permanent(fmt.Errorf("store refused to settle the task as %s: %w", x.ending.outcome, why))
	e := s.dead(x.job, runtime.ReasonPermanent, err)
	if x.refused {
		s.log.Error("store refused a dead letter; the task will run again", "task", x.job.Lease.TaskID, "name", x.job.Envelope.Name, "error", why)
		e = ending{outcome: runtime.Released, at: s.o.Clock.Now().Add(refusedPause)}
	}
	s.settler.add(settling{job: x.job, ending: e, settlement: s.settlement(x.job, &e), refused: true})
}

// account counts an answered settlement and tells listeners.
func (s *shift) account(x *settling, r runtime.SettleResult) {
	switch r.Status {
	case runtime.Settled, runtime.Repeated:
		s.stats.ended(x.job.Lease.Queue, x.ending.outcome)
		s.dueAt(x.settlement.At)
		s.checkLinks(x.job, r.Effects)
		s.tell(x)
	case runtime.Refused:
		s.log.Error("store refused to take a task back; it will run again when this worker has ended", "task", x.job.Lease.TaskID, "error", r.Err)
	default:
		s.lost(x.job)
	}
}

// checkLinks reports links that the store did not take: nobody else will.
func (s *shift) checkLinks(j *job, rs []runtime.PublishResult) {
	for _, r := range rs {
		if r.Status == runtime.Full || r.Status == runtime.Invalid {
			s.log.Error("link was not enqueued", "task", j.Lease.TaskID, "link", r.ID, "status", r.Status, "error", r.Err)
		}
	}
}

// lost notes that a job's lease was over.
func (s *shift) lost(j *job) {
	s.stats.leaseLost.Add(1)
	s.log.Info("lease lost", "task", j.Lease.TaskID, "name", j.Envelope.Name)
	s.signal(runtime.Signal{Name: runtime.SignalLeaseLost, Envelope: j.Envelope})
}
