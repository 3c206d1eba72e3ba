package drivertest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/driver/memory"
	"github.com/stem-jobs/stem/pkg/runtime/drivertest"
)

// A suite is worth what it catches. Each mutant is the memory driver with one
// promise broken; the case that stands for the promise has to fail.
var mutants = []struct {
	name   string
	caught string // the case that must fail
	mutate func(*runtime.Backend)
}{
	{"accepts what it knows", "Cases/Publish/04_RepeatWhileReadyIsHarmless", publishing(func(r *runtime.PublishResult) {
		if r.Status == runtime.Exists {
			r.Status = runtime.Accepted
		}
	})},
	{"hides the owner of a key", "Cases/Unique/01_SecondIsADuplicateOfTheOwner", publishing(func(r *runtime.PublishResult) {
		if r.Status == runtime.Duplicate {
			r.ID = "somebody"
		}
	})},
	{"forgets groups", "Cases/Groups/01_DoneWhenAllSucceeded", forgetGroups},
	{"gives more than was asked for", "Cases/Receive/03_AtMostMaxOverAllQueues", receiving(func(r *runtime.Receive) { r.Max = min(r.Max+1, 1000) })},
	{"does not wait", "Cases/Receive/10_PublishWakes", receiving(func(r *runtime.Receive) { r.Wait = 0 })},
	{"serves queues backwards", "Cases/Receive/04_StrictOrderOfQueues", receiving(func(r *runtime.Receive) {
		r.Queues = slices.Clone(r.Queues)
		slices.Reverse(r.Queues)
	})},
	{"charges a hand-out", "Cases/Receive/27_AttemptIsNotCharged", delivering(func(ds []runtime.Delivery) {
		for i := range ds {
			if ds[i].Envelope != nil {
				ds[i].Envelope.Attempt = ds[i].Deliveries - 1
			}
		}
	})},
	{"turns the line around", "Cases/Receive/02_FirstComeFirstServed", delivering(slices.Reverse[[]runtime.Delivery])},
	{"gives out one task twice", "Concurrency/01_EachTaskExactlyOnce", deliverTwice},
	{"says settled to whoever is late", "Cases/Settle/14_LateSettleChangesNothing", settling(func(r *runtime.SettleResult) {
		if r.Status == runtime.LeaseLost {
			r.Status = runtime.Settled
		}
	})},
	{"calls a repeat a loss", "Cases/Settle/07_RepeatedReplyIsHarmless", settling(func(r *runtime.SettleResult) {
		if r.Status == runtime.Repeated {
			r.Status = runtime.LeaseLost
		}
	})},
	{"loses follow-ups", "Cases/Settle/22_EffectsComeWithTheStep", loseEffects},
	{"retries by way of the dead letters", "Cases/Settle/04_RetriedComesBackWithTheNextAttempt", buryRetries},
	{"renews nothing", "Cases/Extend/01_RenewsEverythingTheWorkerHolds", renewNothing},
	{"hides what is lost", "Cases/Extend/03_TellsWhatIsLost", hideLost},
	{"admits everybody", "Cases/Admit/06_FullSlotsWait", admitEverybody},
	{"says it ended what runs", "Cases/Cancel/06_RunningMayFinish", endEverything},
	{"reclaims nothing", "Cases/Recover/04_LostWorkersTasksGoToOthers", reclaimNothing},
	{"counts one too many", "Cases/Queues/01_StatsCountEveryPlace", miscount(func(s *runtime.QueueStat) { s.Ready++ })},
	{"keeps wrong books", "Cases/Settle/09_ReleasedKeepsItsPlace", miscount(func(s *runtime.QueueStat) { s.Leased = 0 })},
	{"counts no retries", "Property", miscount(func(s *runtime.QueueStat) { s.Retried = 0 })},
	{"shows the first page for ever", "Cases/Queues/07_PagesCoverEverythingOnce", firstPage},
	{"replays again", "Cases/DeadLetters/09_RepeatedReplayIsHarmless", replayAgain},
	{"tells changes only", "Cases/Results/03_WatchTellsTheCurrentStateFirst", changesOnly},
	{"takes progress from anybody", "Cases/Results/13_ProgressIsFenced", anyProgress},
	{"has one fence for all", "Cases/Locks/03_FenceGrowsWithEachHolder", oneFence},
	{"removes a successor", "Cases/Heartbeats/06_LeaveOfAPredecessor", leaveAny},
	{"delivers to one subscriber", "Cases/Bus/01_ReachesEverySubscriber", competing},
}

const envMutant = "STEM_DRIVERTEST_MUTANT"

func TestMutantsAreCaught(t *testing.T) {
	if name := os.Getenv(envMutant); name != "" {
		runMutant(t, name)
		return
	}
	if out, err := suiteOn("", "Cases"); err != nil {
		t.Fatalf("the driver without a mutation fails:\n%s", out)
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			out, err := suiteOn(m.name, m.caught)
			if err == nil || !strings.Contains(out, "--- FAIL: TestMutantsAreCaught/"+m.caught) {
				t.Errorf("%s did not fail (%v):\n%s", m.caught, err, out)
			}
		})
	}
}

// suiteOn runs a part of the suite on a mutant in a process of its own: there
// is no other way to see a test fail without failing.
func suiteOn(mutant, part string) (string, error) {
	run := "^TestMutantsAreCaught$"
	for _, p := range strings.Split(part, "/") {
		run += "/^" + p + "$"
	}
	cmd := exec.Command(os.Args[0], "-test.run="+run, "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), envMutant+"="+mutant, "STEM_PROPERTY_RUNS=40")
	if mutant == "" {
		cmd.Env = append(cmd.Env, envMutant+"=none")
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func runMutant(t *testing.T, name string) {
	mutate := func(*runtime.Backend) {}
	for _, m := range mutants {
		if m.name == name {
			mutate = m.mutate
		}
	}
	drivertest.Run(t, drivertest.Harness{
		Name:  name,
		New:   func(t *testing.T, c runtime.Clock) drivertest.Store { return newStore(t, c, mutate) },
		Model: func(t *testing.T, c runtime.Clock) drivertest.Store { return newStore(t, c, nil) },
	})
}

// store is a memory store, each opening of which is mutated.
type store struct {
	url    string
	clock  runtime.Clock
	mutate func(*runtime.Backend)
}

var stores atomic.Int64

func newStore(t *testing.T, clock runtime.Clock, mutate func(*runtime.Backend)) drivertest.Store {
	s := store{url: fmt.Sprintf("memory://mutant-%d", stores.Add(1)), clock: clock, mutate: mutate}
	keep := s.Open(t) // it lives as long as the test
	t.Cleanup(func() { _ = keep.Close() })
	return s
}

func (s store) Open(t *testing.T) *runtime.Backend {
	t.Helper()
	b, err := memory.Driver{}.Open(t.Context(), s.url, runtime.OpenOptions{Clock: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	if s.mutate != nil {
		s.mutate(b)
	}
	return b
}

// broker is a Broker with some methods replaced.
type broker struct {
	runtime.Broker
	publish func(context.Context, *runtime.Effects) ([]runtime.PublishResult, error)
	receive func(context.Context, runtime.Receive) ([]runtime.Delivery, error)
	settle  func(context.Context, runtime.Consumer, []runtime.Settlement) ([]runtime.SettleResult, error)
	extend  func(context.Context, runtime.Consumer, []runtime.Lease, time.Duration) (runtime.Extended, error)
	admit   func(context.Context, runtime.Consumer, []runtime.Admission) ([]runtime.Verdict, error)
	cancel  func(context.Context, []runtime.Revocation) ([]runtime.CancelResult, error)
	recover func(context.Context, runtime.Recover) (runtime.Recovered, error)
}

// on puts b before the broker of a backend, whose methods it has by default.
func on(backend *runtime.Backend, change func(b *broker)) {
	under := backend.Broker
	b := &broker{
		Broker: under, publish: under.Publish, receive: under.Receive, settle: under.Settle,
		extend: under.Extend, admit: under.Admit, cancel: under.Cancel, recover: under.Recover,
	}
	change(b)
	backend.Broker = b
}

func (b *broker) Publish(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
	return b.publish(ctx, e)
}

func (b *broker) Receive(ctx context.Context, r runtime.Receive) ([]runtime.Delivery, error) {
	return b.receive(ctx, r)
}

func (b *broker) Settle(ctx context.Context, c runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
	return b.settle(ctx, c, ss)
}

func (b *broker) Extend(ctx context.Context, c runtime.Consumer, held []runtime.Lease, d time.Duration) (runtime.Extended, error) {
	return b.extend(ctx, c, held, d)
}

func (b *broker) Admit(ctx context.Context, c runtime.Consumer, as []runtime.Admission) ([]runtime.Verdict, error) {
	return b.admit(ctx, c, as)
}

func (b *broker) Cancel(ctx context.Context, rs []runtime.Revocation) ([]runtime.CancelResult, error) {
	return b.cancel(ctx, rs)
}

func (b *broker) Recover(ctx context.Context, r runtime.Recover) (runtime.Recovered, error) {
	return b.recover(ctx, r)
}

func publishing(change func(*runtime.PublishResult)) func(*runtime.Backend) {
	return func(backend *runtime.Backend) {
		on(backend, func(b *broker) {
			b.publish = func(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
				rs, err := b.Broker.Publish(ctx, e)
				for i := range rs {
					change(&rs[i])
				}
				return rs, err
			}
		})
	}
}

func forgetGroups(backend *runtime.Backend) {
	on(backend, func(b *broker) {
		b.publish = func(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
			x := *e
			x.Publish = slices.Clone(e.Publish)
			for i := range x.Publish {
				x.Publish[i].Group = ""
			}
			return b.Broker.Publish(ctx, &x)
		}
	})
}

func receiving(change func(*runtime.Receive)) func(*runtime.Backend) {
	return func(backend *runtime.Backend) {
		on(backend, func(b *broker) {
			b.receive = func(ctx context.Context, r runtime.Receive) ([]runtime.Delivery, error) {
				change(&r)
				return b.Broker.Receive(ctx, r)
			}
		})
	}
}

func delivering(change func([]runtime.Delivery)) func(*runtime.Backend) {
	return func(backend *runtime.Backend) {
		on(backend, func(b *broker) {
			b.receive = func(ctx context.Context, r runtime.Receive) ([]runtime.Delivery, error) {
				ds, err := b.Broker.Receive(ctx, r)
				change(ds)
				return ds, err
			}
		})
	}
}

// deliverTwice gives the last delivery to the next who asks, as well.
func deliverTwice(backend *runtime.Backend) {
	var mu sync.Mutex
	var last []runtime.Delivery
	on(backend, func(b *broker) {
		b.receive = func(ctx context.Context, r runtime.Receive) ([]runtime.Delivery, error) {
			ds, err := b.Broker.Receive(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			again := last
			last = nil
			if len(ds) > 0 {
				last = ds[:1]
			}
			return append(ds[:len(ds):len(ds)], again...), err
		}
	})
}

func settling(change func(*runtime.SettleResult)) func(*runtime.Backend) {
	return func(backend *runtime.Backend) {
		on(backend, func(b *broker) {
			b.settle = func(ctx context.Context, c runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
				rs, err := b.Broker.Settle(ctx, c, ss)
				for i := range rs {
					change(&rs[i])
				}
				return rs, err
			}
		})
	}
}

func settlingOtherwise(backend *runtime.Backend, change func(*runtime.Settlement)) {
	on(backend, func(b *broker) {
		b.settle = func(ctx context.Context, c runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
			ss = slices.Clone(ss)
			for i := range ss {
				change(&ss[i])
			}
			return b.Broker.Settle(ctx, c, ss)
		}
	})
}

func loseEffects(backend *runtime.Backend) {
	settlingOtherwise(backend, func(s *runtime.Settlement) { s.Effects = nil })
}

func buryRetries(backend *runtime.Backend) {
	settlingOtherwise(backend, func(s *runtime.Settlement) {
		if s.Outcome == runtime.Retried {
			s.Outcome, s.Reason = runtime.Dead, runtime.ReasonPermanent
		}
	})
}

func renewNothing(backend *runtime.Backend) {
	on(backend, func(b *broker) {
		b.extend = func(ctx context.Context, c runtime.Consumer, held []runtime.Lease, d time.Duration) (runtime.Extended, error) {
			return b.Broker.Extend(ctx, c, held, time.Millisecond)
		}
	})
}

func hideLost(backend *runtime.Backend) {
	on(backend, func(b *broker) {
		b.extend = func(ctx context.Context, c runtime.Consumer, held []runtime.Lease, d time.Duration) (runtime.Extended, error) {
			x, err := b.Broker.Extend(ctx, c, held, d)
			x.Lost = nil
			return x, err
		}
	})
}

func admitEverybody(backend *runtime.Backend) {
	on(backend, func(b *broker) {
		b.admit = func(_ context.Context, _ runtime.Consumer, as []runtime.Admission) ([]runtime.Verdict, error) {
			return slices.Repeat([]runtime.Verdict{{Run: true}}, len(as)), nil
		}
	})
}

func endEverything(backend *runtime.Backend) {
	on(backend, func(b *broker) {
		b.cancel = func(ctx context.Context, rs []runtime.Revocation) ([]runtime.CancelResult, error) {
			out, err := b.Broker.Cancel(ctx, rs)
			for i := range out {
				out[i].Ended = true
			}
			return out, err
		}
	})
}

func reclaimNothing(backend *runtime.Backend) {
	on(backend, func(b *broker) {
		b.recover = func(context.Context, runtime.Recover) (runtime.Recovered, error) { return runtime.Recovered{}, nil }
	})
}

type queues struct {
	runtime.Queues
	change func(*runtime.QueueStat)
}

func (q queues) Stats(ctx context.Context, names []string) ([]runtime.QueueStat, error) {
	ss, err := q.Queues.Stats(ctx, names)
	for i := range ss {
		q.change(&ss[i])
	}
	return ss, err
}

func miscount(change func(*runtime.QueueStat)) func(*runtime.Backend) {
	return func(b *runtime.Backend) { b.Queues = queues{b.Queues, change} }
}

type pages struct{ runtime.Queues }

func (p pages) List(ctx context.Context, q runtime.TaskQuery) ([]runtime.TaskRecord, string, error) {
	q.Cursor = ""
	return p.Queues.List(ctx, q)
}

func firstPage(b *runtime.Backend) { b.Queues = pages{b.Queues} }

type deadLetters struct{ runtime.DeadLetters }

func (d deadLetters) Replay(ctx context.Context, rs []runtime.Replay) ([]runtime.PublishResult, error) {
	out, err := d.DeadLetters.Replay(ctx, rs)
	for i := range out {
		out[i].Status = runtime.Accepted
	}
	return out, err
}

func replayAgain(b *runtime.Backend) { b.DeadLetters = deadLetters{b.DeadLetters} }

type results struct {
	runtime.Results
	anybody bool
}

func (r results) Watch(ctx context.Context, ids []string) (<-chan runtime.TaskRecord, error) {
	in, err := r.Results.Watch(ctx, ids)
	if err != nil || r.anybody {
		return in, err
	}
	out := make(chan runtime.TaskRecord)
	go func() {
		defer close(out)
		for range len(ids) {
			<-in
		}
		for rec := range in {
			select {
			case out <- rec:
			case <-ctx.Done():
			}
		}
	}()
	return out, nil
}

func (r results) Progress(ctx context.Context, c runtime.Consumer, ps []runtime.Progress) ([]runtime.Lease, error) {
	lost, err := r.Results.Progress(ctx, c, ps)
	if r.anybody {
		lost = nil
	}
	return lost, err
}

func changesOnly(b *runtime.Backend) { b.Results = results{b.Results, false} }

func anyProgress(b *runtime.Backend) { b.Results = results{b.Results, true} }

type locks struct{ runtime.Locks }

func (l locks) Acquire(ctx context.Context, key, owner string, ttl time.Duration) (runtime.LockGrant, error) {
	g, err := l.Locks.Acquire(ctx, key, owner, ttl)
	g.Fence = 1
	return g, err
}

func oneFence(b *runtime.Backend) { b.Locks = locks{b.Locks} }

type heartbeats struct{ runtime.Heartbeats }

func (h heartbeats) Leave(ctx context.Context, c runtime.Consumer) error {
	hs, err := h.List(ctx)
	for _, beat := range hs {
		if beat.WorkerID == c.Worker {
			c.Incarnation = beat.Incarnation
		}
	}
	if err != nil {
		return err
	}
	return h.Heartbeats.Leave(ctx, c)
}

func leaveAny(b *runtime.Backend) { b.Heartbeats = heartbeats{b.Heartbeats} }

// competing lets all subscribers of a backend share one cursor, as readers of a
// queue would.
type bus struct{ runtime.Bus }

func (b bus) Subscribe(ctx context.Context, s runtime.Subscription) (runtime.Subscriber, error) {
	sub, err := b.Bus.Subscribe(ctx, s)
	return &reader{Subscriber: sub, seen: &seen}, err
}

var seen sync.Map

type reader struct {
	runtime.Subscriber
	seen *sync.Map
}

func (r *reader) Next(ctx context.Context) ([]runtime.Message, error) {
	for {
		ms, err := r.Subscriber.Next(ctx)
		ms = slices.DeleteFunc(ms, func(m runtime.Message) bool {
			_, taken := r.seen.LoadOrStore(m.ID, true)
			return taken
		})
		if err != nil || len(ms) > 0 {
			return ms, err
		}
	}
}

func competing(b *runtime.Backend) { b.Bus = bus{b.Bus} }
