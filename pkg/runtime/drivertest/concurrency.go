package drivertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// The concurrency tier runs on the real clock, because waking, waiting and
// leases are what it is about. Each case ends as soon as its work is done.
var concurrencyCases = []testCase{
	{"01_EachTaskExactlyOnce", concurrentMix},
	{"02_SilentWorkersAndLateSettles", concurrentLosses},
	{"03_OneOwnerOfAKeyAtATime", concurrentUnique},
	{"04_NeverMoreThanTheSlots", concurrentSlots},
	{"05_SameTaskFromManyProducers", concurrentSameID},
}

const (
	producers = 4
	consumers = 6
	openings  = 3
)

func runConcurrency(t *testing.T, h Harness) {
	b := openStore(t, h.New(t, nil))
	for _, p := range append(work, hasLimits) {
		if !p.in(b) {
			t.Skipf("the %s driver has no %s port", h.Name, p.name)
		}
	}
	for _, c := range concurrencyCases {
		t.Run(c.name, func(t *testing.T) {
			e := newEnv(t, h, nil)
			c.run(e)
			e.checkBooks()
		})
	}
}

// factory is some producers and workers on several openings of one store.
type factory struct {
	*env
	books  *ledger
	queues []string
	lease  time.Duration
	opened []*runtime.Backend
	uses   []runtime.LimitUse // of every task; nil: no admission

	// begin and finish stand around the time in which a worker has the task in
	// hand; finish comes before the settlement is sent. Both may be nil.
	begin, finish func(w *worker, d runtime.Delivery)
	// work returns the settlement, or the zero one to keep silent.
	work func(w *worker, d runtime.Delivery) runtime.Settlement
}

// publisher publishes tasks for one producer.
type publisher func(...runtime.Publication) []runtime.PublishResult

// worker is one consumer of a factory.
type worker struct {
	runtime.Consumer
	*runtime.Backend
	f   *factory
	rng *rand.Rand
}

func (e *env) factory(queues ...string) *factory {
	e.Helper()
	f := &factory{env: e, books: newLedger(), queues: queues, lease: time.Minute}
	for range openings {
		f.opened = append(f.opened, e.open())
	}
	return f
}

// run lets producers publish what produce says and workers work until
// everything accepted has ended.
func (f *factory) run(produce func(producer int, publish publisher)) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.ctx, 40*time.Second)
	var workers, others sync.WaitGroup
	for i := range consumers {
		w := &worker{
			Consumer: runtime.Consumer{Worker: fmt.Sprint("w", i), Incarnation: "1"},
			Backend:  f.opened[i%openings], f: f, rng: rand.New(rand.NewPCG(uint64(i), 1)),
		}
		workers.Go(func() { w.loop(ctx) })
	}
	for _, b := range f.opened {
		workers.Go(func() { f.housekeeping(ctx, b) })
	}
	for i := range producers {
		others.Go(func() { produce(i, f.publisher(ctx, f.opened[i%openings])) })
	}
	others.Wait()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for f.books.open() > 0 && ctx.Err() == nil {
		<-tick.C
	}
	cancel()
	workers.Wait()
	f.books.balance(f.env)
}

// publisher publishes for one producer and keeps the ledger.
func (f *factory) publisher(ctx context.Context, b *runtime.Backend) publisher {
	return func(ps ...runtime.Publication) []runtime.PublishResult {
		rs, err := b.Broker.Publish(ctx, &runtime.Effects{Publish: ps})
		if err != nil {
			f.books.complain("publish: %v", err)
			return nil
		}
		f.acceptedAll(rs)
		return rs
	}
}

func (f *factory) acceptedAll(rs []runtime.PublishResult) {
	for _, r := range rs {
		if r.Status == runtime.Accepted {
			f.books.accept(r.ID)
		}
	}
}

func (f *factory) housekeeping(ctx context.Context, b *runtime.Backend) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r := runtime.Recover{MaxLosses: 1 << 20}
		if _, err := b.Broker.Recover(ctx, r); err != nil && ctx.Err() == nil {
			f.books.complain("recover: %v", err)
		}
	}
}

func (w *worker) loop(ctx context.Context) {
	r := runtime.Receive{Consumer: w.Consumer, Lease: w.f.lease, Wait: 50 * time.Millisecond}
	for _, q := range w.f.queues {
		r.Queues = append(r.Queues, runtime.QueueShare{Queue: q})
	}
	for ctx.Err() == nil {
		r.Max = 1 + w.rng.IntN(16)
		ds, err := w.Broker.Receive(ctx, r)
		if err != nil {
			if ctx.Err() == nil {
				w.f.books.complain("receive: %v", err)
			}
			continue
		}
		if len(ds) > r.Max {
			w.f.books.complain("receive at most %d: %d", r.Max, len(ds))
		}
		w.handle(ctx, w.admitted(ctx, ds))
	}
}

// admitted asks for the limits of deliveries and returns those that may run.
func (w *worker) admitted(ctx context.Context, ds []runtime.Delivery) []runtime.Delivery {
	if w.f.uses == nil || len(ds) == 0 {
		return ds
	}
	var as []runtime.Admission
	for _, d := range ds {
		as = append(as, runtime.Admission{Lease: d.Lease, Uses: w.f.uses})
	}
	vs, err := w.Broker.Admit(ctx, w.Consumer, as)
	if err != nil {
		if ctx.Err() == nil {
			w.f.books.complain("admit: %v", err)
		}
		return nil
	}
	var run []runtime.Delivery
	for i, v := range vs {
		if v.Run {
			run = append(run, ds[i])
		}
	}
	return run
}

func (w *worker) handle(ctx context.Context, ds []runtime.Delivery) {
	var ss []runtime.Settlement
	for _, d := range ds {
		call(w.f.begin, w, d)
		if s := w.f.work(w, d); s.Outcome != 0 {
			ss = append(ss, s)
		}
	}
	for _, d := range ds {
		call(w.f.finish, w, d)
	}
	if len(ss) == 0 {
		return
	}
	rs, err := w.Broker.Settle(ctx, w.Consumer, ss)
	if err != nil {
		if ctx.Err() == nil {
			w.f.books.complain("settle: %v", err)
		}
		return
	}
	for i, r := range rs {
		w.f.settled(ss[i], r)
	}
}

func call(hook func(*worker, runtime.Delivery), w *worker, d runtime.Delivery) {
	if hook != nil {
		hook(w, d)
	}
}

func (f *factory) settled(s runtime.Settlement, r runtime.SettleResult) {
	switch {
	case r.Status == runtime.Settled:
		f.acceptedAll(r.Effects)
		if s.Outcome.Terminal() {
			f.books.end(s.Lease.TaskID, s.Outcome)
		}
	case r.Status == runtime.LeaseLost && f.lease < time.Minute:
	default:
		f.books.complain("settle %s as %s: %s (%v)", s.Lease.TaskID, s.Outcome, settleName(r.Status), r.Err)
	}
}

// concurrentMix ends most tasks, and retries, releases, cancels and buries some.
func concurrentMix(e *env) {
	f := e.factory("a", "b")
	f.begin = func(w *worker, d runtime.Delivery) { f.books.take(d.Lease.TaskID, w.Worker) }
	f.finish = func(_ *worker, d runtime.Delivery) { f.books.give(d.Lease.TaskID) }
	f.work = func(w *worker, d runtime.Delivery) runtime.Settlement { return mixed(f, w, d) }
	f.run(func(producer int, publish publisher) {
		rng := rand.New(rand.NewPCG(uint64(producer), 2))
		for n := 0; n < 300; {
			var ps []runtime.Publication
			for range 1 + rng.IntN(12) {
				p := e.task(fmt.Sprintf("p%d-%03d", producer, n), inQueue(f.queues[n%2]), priority(rng.IntN(10)))
				if rng.IntN(10) == 0 {
					p.NotBefore = time.Now().Add(time.Duration(rng.IntN(100)) * time.Millisecond)
				}
				ps = append(ps, p)
				n++
			}
			for _, r := range publish(ps...) {
				if r.Status != runtime.Accepted {
					f.books.complain("publish: %s %s (%v)", r.ID, r.Status, r.Err)
				}
			}
		}
	})
}

func mixed(f *factory, w *worker, d runtime.Delivery) runtime.Settlement {
	switch w.rng.IntN(20) {
	case 0:
		return retryOf(d, time.Time{})
	case 1:
		return retryOf(d, time.Now().Add(20*time.Millisecond))
	case 2:
		return as(d, runtime.Released)
	case 3:
		return died(d, runtime.ReasonPermanent, "boom")
	case 4:
		return as(d, runtime.Cancelled)
	case 5:
		next := f.task("after-"+d.Lease.TaskID, inQueue("b"))
		if len(next.Envelope.ID) > 60 {
			break
		}
		return leaving(as(d, runtime.Succeeded), next)
	}
	return as(d, runtime.Succeeded)
}

// concurrentLosses lets workers fall silent and come back late. Each task still
// ends once; whoever is late is told so.
func concurrentLosses(e *env) {
	f := e.factory("a")
	f.lease = 250 * time.Millisecond
	var mu sync.Mutex
	var late []func(context.Context)
	f.work = func(w *worker, d runtime.Delivery) runtime.Settlement {
		if d.Deliveries > 3 || w.rng.IntN(8) > 0 {
			return as(d, runtime.Succeeded)
		}
		mu.Lock()
		defer mu.Unlock()
		late = append(late, func(ctx context.Context) { w.settleLate(ctx, d) })
		return runtime.Settlement{}
	}
	f.run(func(producer int, publish publisher) {
		for n := range 75 {
			publish(e.task(fmt.Sprintf("p%d-%03d", producer, n), inQueue("a")))
		}
	})
	for _, settle := range late {
		settle(e.ctx)
	}
	if len(late) == 0 {
		e.Error("no worker fell silent; the case has tested nothing")
	}
}

// settleLate hands back what the worker has lost long ago.
func (w *worker) settleLate(ctx context.Context, d runtime.Delivery) {
	rs, err := w.Broker.Settle(ctx, w.Consumer, []runtime.Settlement{died(d, runtime.ReasonPermanent, "late")})
	if err != nil || rs[0].Status != runtime.LeaseLost {
		w.f.Errorf("late settle of %s: %+v, %v; want lease lost", d.Lease.TaskID, rs, err)
	}
}

func concurrentUnique(e *env) {
	f := e.factory("a")
	f.begin = func(_ *worker, d runtime.Delivery) { f.books.take(string(d.Envelope.Args), d.Lease.TaskID) }
	f.finish = func(_ *worker, d runtime.Delivery) { f.books.give(string(d.Envelope.Args)) }
	f.work = func(w *worker, d runtime.Delivery) runtime.Settlement {
		if w.rng.IntN(10) == 0 && d.Deliveries == 1 {
			return retryOf(d, time.Time{})
		}
		return as(d, runtime.Succeeded)
	}
	f.run(func(producer int, publish publisher) {
		for n := range 100 {
			key := fmt.Sprintf(`{"key":%d}`, n%5)
			p := e.task(fmt.Sprintf("p%d-%03d", producer, n), inQueue("a"), unique(key))
			p.Envelope.Args = []byte(key)
			publish(p)
		}
	})
	if n := len(f.books.accepted); n < 5 {
		e.Errorf("only %d of the tasks were accepted", n)
	}
}

func concurrentSlots(e *env) {
	const most = 3
	use := runtime.LimitUse{Key: "group:x", Slots: most}
	f := e.factory("a")
	f.uses = []runtime.LimitUse{use}
	f.begin = func(*worker, runtime.Delivery) { f.books.start(use.Key, most) }
	f.finish = func(*worker, runtime.Delivery) { f.books.stop(use.Key) }
	f.work = func(w *worker, d runtime.Delivery) runtime.Settlement { return as(d, runtime.Succeeded) }
	f.run(func(producer int, publish publisher) {
		for n := range 40 {
			publish(e.task(fmt.Sprintf("p%d-%03d", producer, n), inQueue("a")))
		}
	})
	for _, v := range e.limits(use.Key) {
		if len(v.Holders) != 0 || v.Waiting != 0 {
			e.Errorf("everything has ended, and the limit is %+v", v)
		}
	}
}

// concurrentSameID: all producers publish the same tasks. Each is accepted once.
func concurrentSameID(e *env) {
	f := e.factory("a")
	f.work = func(w *worker, d runtime.Delivery) runtime.Settlement { return as(d, runtime.Succeeded) }
	f.run(func(_ int, publish publisher) {
		for n := 0; n < 300; n += 10 {
			var ps []runtime.Publication
			for k := range 10 {
				ps = append(ps, e.task(fmt.Sprintf("t%03d", n+k), inQueue("a")))
			}
			publish(ps...)
		}
	})
	if n := len(f.books.accepted); n != 300 {
		e.Errorf("%d accepted; want 300", n)
	}
}
