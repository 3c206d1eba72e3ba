package runtimetest

import (
	"context"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Faults says what goes wrong with the calls of a store; see [Inject]. Calls are
// named by port and method: "Broker.Settle"; "" is every call.
//
//   - Concurrency: safe for use by many goroutines.
type Faults struct {
	mu     sync.Mutex
	plans  []*fault
	counts map[string]int
}

// fault is what goes wrong with the next calls of a name.
type fault struct {
	name  string
	left  int // calls; negative: until it is lifted
	err   error
	lose  bool // the store carries the call out, and the reply is lost
	delay time.Duration
	hang  bool // until the caller's context ends
}

// Fail makes the next n calls fail with err and do nothing. n < 0: all, until
// Lift.
func (f *Faults) Fail(name string, n int, err error) { f.plan(fault{name: name, left: n, err: err}) }

// Lose makes the store carry out the next n calls and lose the replies: the
// caller gets ErrUnavailable.
func (f *Faults) Lose(name string, n int) {
	f.plan(fault{name: name, left: n, lose: true, err: Unavailable})
}

// Delay makes the next n calls begin later.
func (f *Faults) Delay(name string, n int, d time.Duration) {
	f.plan(fault{name: name, left: n, delay: d})
}

// Hang makes the next n calls last until their contexts end.
func (f *Faults) Hang(name string, n int) { f.plan(fault{name: name, left: n, hang: true}) }

// Lift ends all faults of a name; "" ends all there are.
func (f *Faults) Lift(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var stay []*fault
	for _, p := range f.plans {
		if name != "" && p.name != name {
			stay = append(stay, p)
		}
	}
	f.plans = stay
}

// Calls tells how many calls of a name were made.
func (f *Faults) Calls(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[name]
}

// Unavailable is the error of a store that cannot be reached.
var Unavailable = runtime.Errorf(runtime.CodeUnavailable, "the store is away (injected)")

func (f *Faults) plan(p fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plans = append(f.plans, &p)
}

// next counts a call and returns what goes wrong with it.
func (f *Faults) next(name string) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = map[string]int{}
	}
	f.counts[name]++
	for _, p := range f.plans {
		if p.left != 0 && (p.name == name || p.name == "") {
			p.left--
			return *p
		}
	}
	return fault{}
}

// through makes a call with whatever goes wrong with it.
func through[T any](ctx context.Context, f *Faults, name string, call func() (T, error)) (T, error) {
	var none T
	p := f.next(name)
	if p.hang {
		<-ctx.Done()
		return none, ctx.Err()
	}
	if p.delay > 0 {
		t := time.NewTimer(p.delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
	if p.err != nil && !p.lose {
		return none, p.err
	}
	out, err := call()
	if p.lose {
		return none, p.err
	}
	return out, err
}
