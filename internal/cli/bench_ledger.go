package cli

import (
	"sync"
	"time"
)

// benchLedger holds every task of a run by its number: what the store has
// confirmed, and how often it ran.
//
//   - Concurrency: safe for use by many goroutines.
type benchLedger struct {
	mu    sync.Mutex
	in    map[int64]bool
	out   map[int64]int
	timed []time.Duration
}

func (l *benchLedger) init() { l.in, l.out = map[int64]bool{}, map[int64]int{} }

// stored notes that the store has confirmed task n.
func (l *benchLedger) stored(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in[n] = true
}

// ran notes an execution of task n; wait is the time from enqueue to start, 0
// when it was not timed.
func (l *benchLedger) ran(n int64, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out[n]++
	if wait > 0 {
		l.timed = append(l.timed, wait)
	}
}

// size is how many tasks the store has confirmed.
func (l *benchLedger) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.in))
}

func (l *benchLedger) waits() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]time.Duration(nil), l.timed...)
}

// ledgerView is the balance in JSON. Duplicates are executions beyond the
// first, which at-least-once delivery allows; Missing are confirmed tasks that
// never ran, Unknown tasks that ran and were never confirmed.
type ledgerView struct {
	Enqueued   int  `json:"enqueued"`
	Ran        int  `json:"ran"`
	Duplicates int  `json:"duplicates"`
	Missing    int  `json:"missing"`
	Unknown    int  `json:"unknown"`
	OK         bool `json:"ok"`
}

// balance compares both sides of the ledger, number by number.
func (l *benchLedger) balance() ledgerView {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := ledgerView{Enqueued: len(l.in), Ran: len(l.out)}
	for n := range l.in {
		if l.out[n] == 0 {
			v.Missing++
		}
	}
	for n, times := range l.out {
		v.Duplicates += times - 1
		if !l.in[n] {
			v.Unknown++
		}
	}
	v.OK = v.Missing == 0 && v.Unknown == 0
	return v
}
