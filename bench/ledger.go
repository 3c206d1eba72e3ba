package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Ledger is the account of one run: what went in, what came out, what is left.
type Ledger struct {
	In         int `json:"in"`         // tasks whose enqueue was confirmed
	Run        int `json:"run"`        // different tasks that a handler saw
	Out        int `json:"out"`        // tasks the store holds as succeeded
	Left       int `json:"left"`       // tasks the store holds as not finished
	Duplicates int `json:"duplicates"` // handler calls beyond the first for a task
	Unknown    int `json:"unknown"`    // handler calls for a task that nobody enqueued
}

// Check says what does not add up. Duplicates are shown, not refused: delivery is at least once.
func (l Ledger) Check() error {
	switch {
	case l.In != l.Out+l.Left:
		return fmt.Errorf("ledger: %d in, but %d out and %d left", l.In, l.Out, l.Left)
	case l.Run < l.Out:
		return fmt.Errorf("ledger: %d out, but only %d were run", l.Out, l.Run)
	case l.Unknown > 0:
		return fmt.Errorf("ledger: %d handler calls for tasks that nobody enqueued", l.Unknown)
	}
	return nil
}

func (l Ledger) String() string {
	return fmt.Sprintf("in %d = out %d + left %d; run %d, duplicates %d", l.In, l.Out, l.Left, l.Run, l.Duplicates)
}

// plus adds two accounts.
func (l Ledger) plus(o Ledger) Ledger {
	return Ledger{
		In:         l.In + o.In,
		Run:        l.Run + o.Run,
		Out:        l.Out + o.Out,
		Left:       l.Left + o.Left,
		Duplicates: l.Duplicates + o.Duplicates,
		Unknown:    l.Unknown + o.Unknown,
	}
}

const (
	chunkTasks = 4096
	maxTasks   = 16 << 20
)

// tally counts handler calls by task. It grows by chunks as tasks are seen, so that a large backlog
// costs the measured process nothing until it is worked on.
type tally struct {
	chunks    [maxTasks / chunkTasks]atomic.Pointer[tallyChunk]
	grow      sync.Mutex
	distinct  atomic.Int64
	repeated  atomic.Int64
	malformed atomic.Int64

	target  atomic.Int64 // at so many different tasks reached gets its one value
	reached chan struct{}
}

type tallyChunk [chunkTasks]atomic.Uint32

func newTally() *tally { return &tally{reached: make(chan struct{}, 1)} }

// handle is the handler of every measured worker: it counts the call and does the shared work.
func (t *tally) handle(p Payload) Output {
	t.see(p.Seq)
	return p.work()
}

// see counts one call for a task.
func (t *tally) see(seq int) {
	if seq < 0 || seq >= maxTasks {
		t.malformed.Add(1)
		return
	}
	if t.chunk(seq)[seq%chunkTasks].Add(1) > 1 {
		t.repeated.Add(1)
		return
	}
	if t.distinct.Add(1) == t.target.Load() {
		t.announce()
	}
}

// await returns a channel that receives once handlers have seen n different tasks.
func (t *tally) await(n int) <-chan struct{} {
	t.target.Store(int64(n))
	if t.distinct.Load() >= int64(n) {
		t.announce()
	}
	return t.reached
}

func (t *tally) announce() {
	select {
	case t.reached <- struct{}{}:
	default:
	}
}

func (t *tally) chunk(seq int) *tallyChunk {
	slot := &t.chunks[seq/chunkTasks]
	if c := slot.Load(); c != nil {
		return c
	}
	t.grow.Lock()
	defer t.grow.Unlock()
	if slot.Load() == nil {
		slot.Store(new(tallyChunk))
	}
	return slot.Load()
}

// ledger closes the account; tasks were numbered from zero, and in of them were confirmed.
func (t *tally) ledger(in int, c Counts) Ledger {
	l := Ledger{
		In:         in,
		Run:        int(t.distinct.Load()),
		Out:        c.Finished,
		Left:       c.Unfinished,
		Duplicates: int(t.repeated.Load()),
		Unknown:    int(t.malformed.Load()),
	}
	for i := range t.chunks {
		if chunk := t.chunks[i].Load(); chunk != nil {
			l.Unknown += seenFrom(chunk, in-i*chunkTasks)
		}
	}
	return l
}

// seenFrom counts the tasks of a chunk at or after position from that a handler saw.
func seenFrom(chunk *tallyChunk, from int) int {
	n := 0
	for i := max(0, from); i < chunkTasks; i++ {
		if chunk[i].Load() > 0 {
			n++
		}
	}
	return n
}
