package cli

import (
	"sync"
	"time"
)

// benchLedger holds every task of a run by its id: what the store has confirmed,
// how often it ran, and whether it has ended.
//
//   - Concurrency: safe for use by many goroutines.
type benchLedger struct {
	mu      sync.Mutex
	entries map[string]benchEntry
	stored  int
	ended   int
	waits   []time.Duration // from enqueue to start, where that was timed
}

type benchEntry struct {
	stored, ended bool
	ran           int
}

// confirm notes that the store has a task.
func (l *benchLedger) confirm(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[id]
	e.stored = true
	l.entries[id] = e
	l.stored++
}

// run notes an execution; wait is the time from enqueue to start, 0 when it was
// not timed.
func (l *benchLedger) run(id string, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[id]
	e.ran++
	l.entries[id] = e
	if wait > 0 {
		l.waits = append(l.waits, wait)
	}
}

// end notes that the store knows the outcome of a task.
func (l *benchLedger) end(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[id]
	if !e.ended {
		l.ended++
	}
	e.ended = true
	l.entries[id] = e
}

// counts returns how many tasks are stored and how many have ended.
func (l *benchLedger) counts() (stored, ended int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(l.stored), int64(l.ended)
}

func (l *benchLedger) timed() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]time.Duration(nil), l.waits...)
}

// ledgerView is the balance in JSON. Duplicates are executions beyond the
// first, which at-least-once delivery allows; Missing are confirmed tasks that
// have not run or not ended, Unknown tasks that ran and were never confirmed.
type ledgerView struct {
	Enqueued   int  `json:"enqueued"`
	Ran        int  `json:"ran"`
	Duplicates int  `json:"duplicates"`
	Missing    int  `json:"missing"`
	Unknown    int  `json:"unknown"`
	OK         bool `json:"ok"`
}

// balance compares the sides of the ledger, id by id.
func (l *benchLedger) balance() ledgerView {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := ledgerView{Enqueued: l.stored}
	for _, e := range l.entries {
		if e.ran > 0 {
			v.Ran++
			v.Duplicates += e.ran - 1
		}
		switch {
		case e.stored && (e.ran == 0 || !e.ended):
			v.Missing++
		case !e.stored:
			v.Unknown++
		}
	}
	v.OK = v.Missing == 0 && v.Unknown == 0
	return v
}
