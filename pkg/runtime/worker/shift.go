package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/stem-jobs/stem/internal/flush"
	"github.com/stem-jobs/stem/pkg/runtime"
)

// shift is one Run of a worker: all that must start afresh when the worker runs
// again, above all its incarnation, which keeps it from owning the leases of
// the shift before.
type shift struct {
	*Worker
	broker  runtime.Broker
	log     *slog.Logger
	me      runtime.Consumer
	since   time.Time
	handler context.Context // what handlers' contexts come from: Run's values, without its end

	slots      *slots
	settler    settler
	admissions flush.Batcher[runtime.Admission, runtime.Verdict]
	progress   flush.Batcher[runtime.Progress, bool]
	pauses     pauses
	overrides  overrides
	stats      stats
	outages    outages

	ops    context.Context // of calls to the store: outlives Run's own, until everything is given back
	endOps context.CancelFunc
	asked  [runtime.DrainHard + 1]chan struct{} // closed when a drain of that mode, or a harder one, was asked for
	asking sync.Mutex
	alarm  alarm                // of the housekeeping
	nudges [loops]chan struct{} // wake a loop before its time
	over   chan struct{}        // closed when the shift has ended
}

// The loops that can be woken.
const (
	loopLeases = iota
	loopHousekeeping
	loopDirectives
	loopBeats
	loops
)

func newShift(w *Worker, ctx context.Context) *shift {
	s := &shift{
		Worker: w, broker: w.backend.Broker,
		log:     w.o.Logger.With("worker", w.o.Name),
		me:      runtime.Consumer{Worker: w.o.Name, Incarnation: uuid.Must(uuid.NewV7()).String()},
		since:   w.o.Clock.Now(),
		handler: context.WithoutCancel(ctx),
		over:    make(chan struct{}),
	}
	s.ops, s.endOps = context.WithCancel(s.handler)
	s.slots = newSlots(s.me.Incarnation, w.o.Concurrency, w.o.Prefetch, s.perform, s.exited)
	s.settler.shift = s
	s.admissions.Flush = s.admitMany
	s.progress.Flush = s.progressMany
	for i := range s.asked {
		s.asked[i] = make(chan struct{})
	}
	for i := range s.nudges {
		s.nudges[i] = make(chan struct{}, 1)
	}
	return s
}

// run is the shift from its first to its last moment.
func (s *shift) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { s.ask(runtime.DrainHard) })()
	s.signal(runtime.Signal{Name: runtime.SignalWorkerInit})
	var loops sync.WaitGroup
	loops.Go(func() { s.keepLeases(s.ops) })
	loops.Go(func() { s.keepHouse(s.ops) })
	loops.Go(func() { s.keepFollowing(s.ops) })
	loops.Go(func() { s.keepBeating(s.ops) })
	err := s.fetchUntilAsked()
	s.drain()

	s.endOps()
	loops.Wait()
	s.settler.wait()
	s.leave()
	s.signal(runtime.Signal{Name: runtime.SignalWorkerShutdown})
	return err
}

// ask orders a drain; a harder one may follow a softer one.
func (s *shift) ask(mode runtime.DrainMode) {
	s.asking.Lock()
	defer s.asking.Unlock()
	for m := min(mode, runtime.DrainHard); m >= runtime.DrainWarm; m-- {
		closeOnce(s.asked[m]) // the hardest first: who sees one sees all that were asked for
	}
}

// draining returns the hardest mode that was asked for, or 0.
func (s *shift) draining() runtime.DrainMode {
	for m := runtime.DrainHard; m >= runtime.DrainWarm; m-- {
		if isClosed(s.asked[m]) {
			return m
		}
	}
	return 0
}

func (s *shift) state() runtime.RoleState {
	st := runtime.RoleState{Running: true, Draining: s.draining(), Active: s.slots.running(), Ready: true}
	if st.Draining != 0 {
		st.Ready, st.Reason = false, "draining"
	} else if why := s.outages.why(); why != "" {
		st.Ready, st.Reason = false, why
	}
	return st
}

// refresh makes the loops look at once for what operators have ordered.
func (s *shift) refresh() {
	s.nudge(loopDirectives)
	s.nudge(loopLeases)
}

func (s *shift) nudge(loop int) {
	select {
	case s.nudges[loop] <- struct{}{}:
	default: // it has been woken already
	}
}

// pause waits for d or a nudge of the loop, and reports false when ctx has
// ended.
func (s *shift) pause(ctx context.Context, loop int, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.nudges[loop]:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// signal tells listeners of something in the life of this worker or of a task.
func (s *shift) signal(e runtime.Signal) {
	if !s.o.Signals.Wants(e.Name) {
		return
	}
	e.Sender, e.At = s.me.Worker, s.o.Clock.Now()
	s.o.Signals.Emit(s.handler, e)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
