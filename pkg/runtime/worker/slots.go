package worker

import (
	"context"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// slots is who waits, who runs and what is held. A slot is a goroutine while
// there is something to run, and takes the next waiting job by itself: a busy
// worker starts no goroutine and wakes none between two tasks.
//
// A job is held from its arrival until its task is settled, lost or moved away.
// Its slot is taken until the handler has returned. Usually the handler returns
// first; a job that is decided while its handler still runs is detached.
type slots struct {
	owner  string // of the slots, for their labels
	limit  int
	run    func(*job)
	exited func(*job) // for a job whose run did not return

	mu       sync.Mutex
	window   window
	waiting  []*job
	held     []*job
	made     []*slot // all there are, at most limit
	free     []*slot // those that nobody runs in
	active   int     // slots that are taken
	detached int     // those of them whose job is decided

	asleep  bool          // the fetcher waits for room
	room    chan struct{} // wakes it
	closing bool
	idle    chan struct{} // closed when nothing undecided runs any more, while closing
	empty   chan struct{} // closed when nothing is held either
}

func newSlots(owner string, limit, prefetch int, run, exited func(*job)) *slots {
	return &slots{
		owner: owner, limit: limit, run: run, exited: exited, window: newWindow(prefetch),
		room: make(chan struct{}, 1), idle: make(chan struct{}), empty: make(chan struct{}),
	}
}

// vacancy waits for room and returns how many more jobs may be held, or 0 when
// ctx has ended.
func (p *slots) vacancy(ctx context.Context) int {
	for {
		p.mu.Lock()
		n := p.vacant()
		p.asleep = n == 0
		p.mu.Unlock()
		if n > 0 {
			return n
		}
		select {
		case <-p.room:
		case <-ctx.Done():
			return 0
		}
	}
}

// vacant is what to ask the store for. While enough jobs wait for their slots
// it is 0 until half the window is free: asking for every single one would cost
// a round trip for each.
func (p *slots) vacant() int {
	n := p.limit + p.window.size - len(p.held) - p.detached
	if n <= 0 {
		return 0
	}
	dry := len(p.waiting) == 0 && p.active < p.limit
	if !dry && n < (p.window.size+1)/2 {
		return 0
	}
	return min(n, maxReceive)
}

// hold takes jobs in; they are renewed and counted from here on.
func (p *slots) hold(js []*job, asked int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.fetched(asked, len(js))
	for _, j := range js {
		j.pos = len(p.held)
		p.held = append(p.held, j)
	}
}

// enter lets jobs that are held run, or wait for a slot.
func (p *slots) enter(js []*job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, js...)
	for len(p.waiting) > 0 && p.active < p.limit {
		p.active++
		in := p.take()
		go p.work(in, p.pop(in))
	}
}

// work runs jobs in one slot until none is waiting.
func (p *slots) work(in *slot, j *job) {
	in.label()
	defer func() {
		if j != nil { // the handler ended this goroutine, by runtime.Goexit
			p.exited(j)
			p.replace(in, j)
		}
	}()
	for j != nil {
		p.run(j)
		j = p.next(in, j)
	}
}

// next ends the stay of prev in its slot and returns the next job for it, or
// gives the slot back and returns nil.
func (p *slots) next(in *slot, prev *job) *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(prev)
	if len(p.waiting) == 0 {
		p.window.dry()
		p.active--
		p.free = append(p.free, in)
		p.changed()
		return nil
	}
	j := p.pop(in)
	p.changed()
	return j
}

// replace starts a new goroutine for a slot whose own has ended.
func (p *slots) replace(in *slot, prev *job) {
	if j := p.next(in, prev); j != nil {
		go p.work(in, j)
	}
}

// leave is called with p.mu held, like pop, take and changed.
func (p *slots) leave(j *job) {
	j.slot.job, j.slot = nil, nil
	if j.detached {
		j.detached = false
		p.detached--
	}
}

func (p *slots) pop(in *slot) *job {
	j := p.waiting[0]
	j.slot, in.job = in, j
	p.waiting[0] = nil
	p.waiting = p.waiting[1:]
	p.window.waited(time.Since(j.arrived))
	return j
}

func (p *slots) take() *slot {
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s
	}
	s := newSlot(p.owner, len(p.made)+1)
	p.made = append(p.made, s)
	return s
}

// changed wakes whoever waits for the state that was just reached.
func (p *slots) changed() {
	if p.asleep && p.vacant() > 0 {
		p.asleep = false
		p.room <- struct{}{} // never blocks: asleep is set by the only reader, before it reads
	}
	if !p.closing || p.active > p.detached {
		return
	}
	closeOnce(p.idle)
	if len(p.held) == 0 {
		closeOnce(p.empty)
	}
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// detach marks a decided job whose handler has not returned: its slot stays
// taken, and no drain waits for it. It reports whether there is such a handler.
func (p *slots) detach(j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if j.slot == nil || j.detached {
		return false
	}
	j.detached = true
	p.detached++
	p.changed()
	return true
}

// drop forgets jobs whose leases are over, one way or another.
func (p *slots) drop(js ...*job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range js {
		if j.pos < 0 {
			continue
		}
		last := p.held[len(p.held)-1]
		p.held[j.pos], last.pos = last, j.pos
		p.held[len(p.held)-1] = nil
		p.held = p.held[:len(p.held)-1]
		j.pos = -1
	}
	p.changed()
}

// withdraw removes the waiting jobs that f picks and returns them.
func (p *slots) withdraw(f func(*job) bool) []*job {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out, stay []*job
	for _, j := range p.waiting {
		if f(j) {
			out = append(out, j)
		} else {
			stay = append(stay, j)
		}
	}
	p.waiting = stay
	return out
}

// each calls f for every held job, with the lock held.
func (p *slots) each(f func(*job)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.held {
		f(j)
	}
}

// ask notes until when a handler wants to keep its task, and returns the latest
// such time.
func (p *slots) ask(j *job, until time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	j.asked = later(j.asked, until)
	j.until = later(j.until, until)
	return j.asked
}

// snapshot describes what runs, and by the ids of their slots the handlers that
// still run although their tasks are decided.
func (p *slots) snapshot() (active []runtime.ActiveTask, stuck map[string]runtime.ActiveTask, held, prefetch int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stuck = map[string]runtime.ActiveTask{}
	for _, s := range p.made {
		switch j := s.job; {
		case j == nil || !j.begun.Load():
		case j.detached:
			stuck[s.id] = j.active()
		default:
			active = append(active, j.active())
		}
	}
	return active, stuck, len(p.held), p.window.size
}

// running is how many slots are taken.
func (p *slots) running() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.active
}

// lastLease is when the last of the held leases ends, as far as is known here.
func (p *slots) lastLease() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last time.Time
	for _, j := range p.held {
		last = later(last, j.until)
	}
	return last
}

// close tells that nothing more will be held, so that idle and empty can come
// true.
func (p *slots) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	p.changed()
}
