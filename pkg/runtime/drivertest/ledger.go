package drivertest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// ledger is the account that several workers and producers keep together: what
// was accepted, who has what in hand, how each task ended. It notes what must
// not happen at the moment it happens.
type ledger struct {
	mu       sync.Mutex
	accepted map[string]bool
	inHand   map[string]string // task (or key) by who has it
	ended    map[string]runtime.Outcome
	running  map[string]int // executions at this moment, by limit
	faults   []string
}

func newLedger() *ledger {
	return &ledger{
		accepted: map[string]bool{}, inHand: map[string]string{},
		ended: map[string]runtime.Outcome{}, running: map[string]int{},
	}
}

func (l *ledger) fault(format string, args ...any) {
	if len(l.faults) < 20 {
		l.faults = append(l.faults, fmt.Sprintf(format, args...))
	}
}

// accept notes that a producer was told so.
func (l *ledger) accept(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accepted[id] {
		l.fault("%s was accepted twice", id)
	}
	l.accepted[id] = true
}

// take notes that a worker has something in hand, which nobody else may have.
func (l *ledger) take(what, who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other := l.inHand[what]; other != "" {
		l.fault("%s was given to %s while %s had it", what, who, other)
	}
	l.inHand[what] = who
}

// give notes that a worker is about to hand something back. It comes before the
// call: afterwards another may have it already.
func (l *ledger) give(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.inHand, what)
}

// start notes an execution under a limit.
func (l *ledger) start(limit string, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[limit]++; l.running[limit] > most {
		l.fault("%d executions at once under %s, which allows %d", l.running[limit], limit, most)
	}
}

// stop notes that an execution under a limit is about to end.
func (l *ledger) stop(limit string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running[limit]--
}

// end notes that a settlement that ends a task was accepted.
func (l *ledger) end(id string, o runtime.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, twice := l.ended[id]; twice {
		l.fault("%s has ended as %s and again as %s", id, before, o)
	}
	l.ended[id] = o
}

// open counts what was accepted and has not ended.
func (l *ledger) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for id := range l.accepted {
		if _, ended := l.ended[id]; !ended {
			n++
		}
	}
	return n
}

// complain records a fault that a caller has found.
func (l *ledger) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault(format, args...)
}

// balance holds the ledger against the store.
func (l *ledger) balance(e *env) {
	e.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.faults {
		e.Errorf("ledger: %s", f)
	}
	var want, got [3]int64 // succeeded, failed, cancelled
	for id := range l.ended {
		if !l.accepted[id] {
			e.Errorf("ledger: %s has ended and was never accepted", id)
		}
	}
	for id := range l.accepted {
		o, ended := l.ended[id]
		if !ended {
			e.Errorf("ledger: %s was accepted and has never ended: %+v", id, e.record(id))
			continue
		}
		if r := e.record(id); r.State != o.State() {
			e.Errorf("ledger: %s ended as %s, its record says %s", id, o, r.State)
		}
		want[slices.Index([]runtime.Outcome{runtime.Succeeded, runtime.Dead, runtime.Cancelled}, o)]++
	}
	stats, err := e.Queues.Stats(e.ctx, nil)
	e.ok(err, "stats")
	var enqueued int64
	for _, s := range stats {
		got[0], got[1], got[2] = got[0]+s.Succeeded, got[1]+s.Failed, got[2]+s.Cancelled
		enqueued += s.Enqueued
	}
	if got != want || enqueued != int64(len(l.accepted)) {
		e.Errorf("ledger: %d accepted, %v succeeded, failed, cancelled; the store says %d, %v", len(l.accepted), want, enqueued, got)
	}
}
