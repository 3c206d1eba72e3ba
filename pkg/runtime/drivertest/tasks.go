package drivertest

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// with changes a publication on its way.
type with func(*runtime.Publication)

// task is a publication with everything a store insists on.
func (e *env) task(id string, ws ...with) runtime.Publication {
	p := runtime.Publication{Envelope: &runtime.Envelope{
		ID: id, Name: "demo.add", Queue: queue, EnqueuedAt: e.clock.Now(),
		Args: []byte(`{"a":1,"b":2}`), MaxRetries: 3,
	}}
	for _, w := range ws {
		w(&p)
	}
	return p
}

// tasks are plain publications.
func (e *env) tasks(ids ...string) []runtime.Publication {
	var ps []runtime.Publication
	for _, id := range ids {
		ps = append(ps, e.task(id))
	}
	return ps
}

func inQueue(q string) with { return func(p *runtime.Publication) { p.Envelope.Queue = q } }

func named(name string) with { return func(p *runtime.Publication) { p.Envelope.Name = name } }

func priority(n int) with { return func(p *runtime.Publication) { p.Envelope.Priority = n } }

func visibility(d time.Duration) with {
	return func(p *runtime.Publication) { p.Envelope.VisibilityTimeout = d }
}

func due(at time.Time) with {
	return func(p *runtime.Publication) { p.NotBefore, p.Envelope.NotBefore = at, at }
}

func expires(at time.Time) with { return func(p *runtime.Publication) { p.ExpiresAt = at } }

func depth(n int) with { return func(p *runtime.Publication) { p.MaxDepth = n } }

func member(group string) with { return func(p *runtime.Publication) { p.Group = group } }

func unique(key string) with {
	return func(p *runtime.Publication) { p.Unique = &runtime.Unique{Key: key} }
}

func replacing(key string) with {
	return func(p *runtime.Publication) {
		p.Unique = &runtime.Unique{Key: key, Mode: runtime.UniqueReplace}
	}
}

func holding(key string, d time.Duration) with {
	return func(p *runtime.Publication) { p.Unique = &runtime.Unique{Key: key, Hold: d} }
}

// publish stores tasks and returns what became of each.
func (e *env) publish(ps ...runtime.Publication) []runtime.PublishResult {
	e.Helper()
	return e.publishAll(&runtime.Effects{Publish: ps})
}

func (e *env) publishAll(x *runtime.Effects) []runtime.PublishResult {
	e.Helper()
	rs, err := e.Broker.Publish(e.ctx, x)
	e.ok(err, "publish")
	if len(rs) != len(x.Publish) {
		e.Fatalf("publish: %d results for %d publications", len(rs), len(x.Publish))
	}
	return rs
}

// accept stores tasks, all of which must be accepted.
func (e *env) accept(ps ...runtime.Publication) {
	e.Helper()
	for i, r := range e.publish(ps...) {
		e.wantPublished(r, runtime.Accepted, ps[i].Envelope.ID)
	}
}

// acceptPlain stores plain tasks of these ids.
func (e *env) acceptPlain(ids ...string) {
	e.Helper()
	e.accept(e.tasks(ids...)...)
}

// wantPublished asks for a status and the id that comes with it.
func (e *env) wantPublished(r runtime.PublishResult, want runtime.PublishStatus, id string) {
	e.Helper()
	if r.Status != want || r.ID != id {
		e.Fatalf("publish: %s %q (%v); want %s %q", r.Status, r.ID, r.Err, want, id)
	}
}

// ---- leases ----

// receive leases for w1 what is there now, from the default queue if none is named.
func (e *env) receive(max int, queues ...string) []runtime.Delivery {
	e.Helper()
	return e.receiveAs(w1, max, queues...)
}

func (e *env) receiveAs(c runtime.Consumer, max int, queues ...string) []runtime.Delivery {
	e.Helper()
	return e.receiveWith(receiveFrom(c, max, queues...))
}

func receiveFrom(c runtime.Consumer, max int, queues ...string) runtime.Receive {
	r := runtime.Receive{Consumer: c, Max: max, Lease: lease}
	if len(queues) == 0 {
		queues = []string{queue}
	}
	for _, q := range queues {
		r.Queues = append(r.Queues, runtime.QueueShare{Queue: q})
	}
	return r
}

func (e *env) receiveWith(r runtime.Receive) []runtime.Delivery {
	e.Helper()
	ds, err := e.Broker.Receive(e.ctx, r)
	e.ok(err, "receive")
	return ds
}

// take leases everything that is ready for w1, which must be these tasks in
// this order, and returns their deliveries.
func (e *env) take(ids ...string) []runtime.Delivery {
	e.Helper()
	return e.takeAs(w1, ids...)
}

func (e *env) takeAs(c runtime.Consumer, ids ...string) []runtime.Delivery {
	e.Helper()
	ds := e.receiveAs(c, 1000)
	e.wantIDs(deliveredIDs(ds), ids...)
	return ds
}

// takeOne leases the one task that is ready.
func (e *env) takeOne(id string) runtime.Delivery {
	e.Helper()
	return e.take(id)[0]
}

// takeNext leases the task that is next in line, of perhaps many.
func (e *env) takeNext(id string) runtime.Delivery {
	e.Helper()
	ds := e.receive(1)
	e.wantIDs(deliveredIDs(ds), id)
	return ds[0]
}

// takeNone asks that nothing is ready.
func (e *env) takeNone() {
	e.Helper()
	e.takeAs(w2)
}

func deliveredIDs(ds []runtime.Delivery) []string {
	var ids []string
	for _, d := range ds {
		ids = append(ids, d.Lease.TaskID)
	}
	return ids
}

func leasesOf(ds []runtime.Delivery) []runtime.Lease {
	var ls []runtime.Lease
	for _, d := range ds {
		ls = append(ls, d.Lease)
	}
	return ls
}

func (e *env) wantIDs(got []string, want ...string) {
	e.Helper()
	if len(got) == len(want) {
		same := true
		for i := range got {
			same = same && got[i] == want[i]
		}
		if same {
			return
		}
	}
	e.Fatalf("got tasks %s; want %s", brief(got), brief(want))
}

// ---- ends ----

// as is a settlement of a delivery.
func as(d runtime.Delivery, o runtime.Outcome) runtime.Settlement {
	return runtime.Settlement{Lease: d.Lease, Outcome: o}
}

// died is a settlement into the dead letters.
func died(d runtime.Delivery, reason, line string) runtime.Settlement {
	return runtime.Settlement{Lease: d.Lease, Outcome: runtime.Dead, Reason: reason, Error: line}
}

// settle hands leases back as w1.
func (e *env) settle(ss ...runtime.Settlement) []runtime.SettleResult {
	e.Helper()
	return e.settleAs(w1, ss...)
}

func (e *env) settleAs(c runtime.Consumer, ss ...runtime.Settlement) []runtime.SettleResult {
	e.Helper()
	rs, err := e.Broker.Settle(e.ctx, c, ss)
	e.ok(err, "settle")
	if len(rs) != len(ss) {
		e.Fatalf("settle: %d results for %d settlements", len(rs), len(ss))
	}
	return rs
}

// settled hands leases back as w1, all of which must be accepted.
func (e *env) settled(ss ...runtime.Settlement) {
	e.Helper()
	for i, r := range e.settle(ss...) {
		e.wantSettled(r, runtime.Settled, ss[i].Lease.TaskID)
	}
}

// end hands deliveries back as w1 with one outcome.
func (e *env) end(o runtime.Outcome, ds ...runtime.Delivery) {
	e.Helper()
	for _, d := range ds {
		e.settled(as(d, o))
	}
}

// bury sends deliveries to the dead letters.
func (e *env) bury(ds ...runtime.Delivery) {
	e.Helper()
	for _, d := range ds {
		e.settled(died(d, runtime.ReasonPermanent, "boom"))
	}
}

func (e *env) wantSettled(r runtime.SettleResult, want runtime.SettleStatus, id string) {
	e.Helper()
	if r.Status != want {
		e.Fatalf("settle %s: %s (%v); want %s", id, settleName(r.Status), r.Err, settleName(want))
	}
}

func settleName(s runtime.SettleStatus) string {
	names := [...]string{"none", "settled", "repeated", "lease lost", "refused"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// retryOf is a settlement that asks for the next attempt.
func retryOf(d runtime.Delivery, at time.Time) runtime.Settlement {
	next := d.Envelope.Clone()
	next.Attempt++
	return runtime.Settlement{Lease: d.Lease, Outcome: runtime.Retried, At: at, Next: next}
}
