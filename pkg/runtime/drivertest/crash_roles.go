package drivertest

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const crashQueue = "crash"

// crashSlots limits one task in four, so that the slots of the dead have to be
// freed, too.
var crashSlots = runtime.LimitUse{Key: "task:crash", Slots: 3}

// fate is what is to become of a task, by its id alone, so that every process
// and the ledger agree on it.
type fate struct{ dies, retries, follows, limited bool }

func fateOf(id string) fate {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	n := h.Sum32()
	f := fate{dies: n%20 == 0, retries: n/20%10 == 0, limited: n/200%4 == 0}
	f.follows = !f.dies && n/800%8 == 0 && len(id) < 40
	return f
}

func followUp(id string) string { return id + ".next" }

// actor is a process of the crash tier. What it knows it writes down at once,
// in a file that outlives it.
type actor struct {
	*testing.T
	*runtime.Backend
	name string
	rng  *rand.Rand

	mu   sync.Mutex
	log  *os.File
	held map[string]runtime.Lease
}

func runCrashRole(t *testing.T, role string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := &actor{T: t, name: os.Getenv(envCrashName), held: map[string]runtime.Lease{}}
	a.rng = rand.New(rand.NewPCG(uint64(os.Getpid()), uint64(time.Now().UnixNano())))
	var err error
	if a.log, err = os.OpenFile(os.Getenv(envCrashLog), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		t.Fatal(err)
	}
	defer a.log.Close()
	if a.Backend, err = runtime.Open(ctx, os.Getenv(envCrashURL), runtime.OpenOptions{}); err != nil {
		t.Fatalf("open the store: %v", err)
	}
	defer a.Close()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends when the parent says so, or dies
		cancel()
	}()
	if role == "producer" {
		a.produce(ctx)
		return
	}
	a.work(ctx)
}

// write notes a fact. It must not be noted before it is one.
func (a *actor) write(kind, id, more string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := fmt.Fprintln(a.log, kind, id, more); err != nil {
		a.Errorf("write the log: %v", err)
	}
}

// wrong reports an error of the store. Nobody has killed the store, so there is
// no excuse for one.
func (a *actor) wrong(ctx context.Context, doing string, err error) bool {
	if err == nil || ctx.Err() != nil {
		return err != nil
	}
	a.Errorf("%s: %v", doing, err)
	a.write("error", doing, err.Error())
	return true
}

// produce publishes batches until it is told to stop. It never runs far ahead
// of the workers.
func (a *actor) produce(ctx context.Context) {
	for n := 0; ctx.Err() == nil; {
		x := &runtime.Effects{}
		for range 1 + a.rng.IntN(10) {
			x.Publish = append(x.Publish, crashTask(fmt.Sprintf("%s-%05d", a.name, n)))
			n++
		}
		// The call is not cancelled: its answer is what the ledger is about.
		rs, err := a.Broker.Publish(context.WithoutCancel(ctx), x)
		if a.wrong(ctx, "publish", err) {
			continue
		}
		for _, r := range rs {
			if r.Status == runtime.Accepted {
				a.write("accepted", r.ID, "")
			}
		}
		rest(ctx, time.Duration(a.rng.IntN(10))*time.Millisecond)
	}
}

func crashTask(id string) runtime.Publication {
	return runtime.Publication{MaxDepth: 400, Envelope: &runtime.Envelope{
		ID: id, Name: "crash", Queue: crashQueue, EnqueuedAt: time.Now(), Args: []byte(`{"x":1}`), MaxRetries: 1,
	}}
}

// rest lets a moment go by.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (a *actor) consumer() runtime.Consumer {
	return runtime.Consumer{Worker: a.name, Incarnation: "1"}
}

func (a *actor) work(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { a.renew(ctx) })
	wg.Go(func() { a.keepHouse(ctx) })
	r := runtime.Receive{
		Consumer: a.consumer(), Queues: []runtime.QueueShare{{Queue: crashQueue}}, Lease: crashLease, Wait: 100 * time.Millisecond,
	}
	for ctx.Err() == nil {
		r.Max = 1 + a.rng.IntN(8)
		ds, err := a.Broker.Receive(ctx, r)
		if a.wrong(ctx, "receive", err) || len(ds) == 0 {
			continue
		}
		a.hold(ds)
		a.settle(ctx, a.admitted(ctx, ds))
	}
}

func (a *actor) hold(ds []runtime.Delivery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range ds {
		a.held[d.Lease.TaskID] = d.Lease
	}
}

func (a *actor) letGo(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.held, id)
}

// renew keeps what the worker has, and notes when it was too slow to: then it
// is the machine that loses leases, not the store.
func (a *actor) renew(ctx context.Context) {
	tick := time.NewTicker(crashLease / 4)
	defer tick.Stop()
	last := time.Now()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		a.mu.Lock()
		var held []runtime.Lease
		for _, l := range a.held {
			held = append(held, l)
		}
		a.mu.Unlock()
		_, err := a.Broker.Extend(ctx, a.consumer(), held, crashLease)
		a.wrong(ctx, "extend", err)
		if time.Since(last) > crashLease*2/3 {
			a.write("slow", a.name, time.Since(last).String())
		}
		last = time.Now()
	}
}

func (a *actor) keepHouse(ctx context.Context) {
	for ctx.Err() == nil {
		_, err := a.Broker.Recover(ctx, runtime.Recover{})
		a.wrong(ctx, "recover", err)
		rest(ctx, 50*time.Millisecond)
	}
}

// admitted asks for limits where a task has one, and returns what may run.
func (a *actor) admitted(ctx context.Context, ds []runtime.Delivery) []runtime.Delivery {
	as := make([]runtime.Admission, len(ds))
	for i, d := range ds {
		as[i] = runtime.Admission{Lease: d.Lease, Started: d.Losses > 0}
		if fateOf(d.Lease.TaskID).limited {
			as[i].Uses = []runtime.LimitUse{crashSlots}
		}
	}
	vs, err := a.Broker.Admit(context.WithoutCancel(ctx), a.consumer(), as)
	if a.wrong(ctx, "admit", err) {
		return nil
	}
	var run []runtime.Delivery
	for i, v := range vs {
		if v.Run {
			run = append(run, ds[i])
		} else {
			a.letGo(ds[i].Lease.TaskID)
		}
	}
	return run
}

// settle runs tasks and hands them back.
func (a *actor) settle(ctx context.Context, ds []runtime.Delivery) {
	var ss []runtime.Settlement
	for _, d := range ds {
		a.write("begin", d.Lease.TaskID, "")
		if a.rng.IntN(4) == 0 {
			<-time.After(time.Duration(a.rng.IntN(20)) * time.Millisecond)
		}
		ss = append(ss, crashSettlement(d))
	}
	if len(ss) == 0 {
		return
	}
	rs, err := a.Broker.Settle(context.WithoutCancel(ctx), a.consumer(), ss)
	if a.wrong(ctx, "settle", err) {
		return
	}
	for i, r := range rs {
		id := ss[i].Lease.TaskID
		a.letGo(id)
		switch {
		case r.Status == runtime.Settled && ss[i].Outcome.Terminal():
			a.write("ended", id, ss[i].Outcome.String())
		case r.Status == runtime.Settled:
			a.write("retried", id, "")
		case r.Status == runtime.LeaseLost:
			a.write("lost", id, "")
		default:
			a.write("error", "settle", fmt.Sprintf("%s: %s (%v)", id, settleName(r.Status), r.Err))
		}
	}
}

func crashSettlement(d runtime.Delivery) runtime.Settlement {
	f := fateOf(d.Lease.TaskID)
	switch {
	case f.retries && d.Envelope.Attempt == 0:
		return retryOf(d, time.Now().Add(20*time.Millisecond))
	case f.dies:
		return died(d, runtime.ReasonPermanent, "as it was meant to")
	case f.follows:
		next := crashTask(followUp(d.Lease.TaskID))
		next.MaxDepth = 0
		return leaving(as(d, runtime.Succeeded), next)
	}
	return as(d, runtime.Succeeded)
}
