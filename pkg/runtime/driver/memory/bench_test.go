package memory

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const benchBatch = 100

var benchConsumer = runtime.Consumer{Worker: "w", Incarnation: "1"}

func openBench(b *testing.B) runtime.Broker {
	b.Helper()
	be, err := Driver{}.Open(b.Context(), "memory:", runtime.OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = be.Close() })
	return be.Broker
}

// batch makes publications with new ids.
type batches struct{ n int }

func (g *batches) next() *runtime.Effects {
	e := &runtime.Effects{Publish: make([]runtime.Publication, benchBatch)}
	now := time.Now()
	for i := range e.Publish {
		g.n++
		e.Publish[i].Envelope = &runtime.Envelope{
			ID: fmt.Sprintf("0197a1b2-1111-7abc-8def-%012d", g.n), Name: "demo.hello", Queue: "default",
			Args: []byte(`{"name":"Stem","n":12345}`), MaxRetries: 3, EnqueuedAt: now,
		}
	}
	return e
}

func must[T any](b *testing.B) func(T, error) T {
	return func(v T, err error) T {
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
}

func publishBatch(b *testing.B, br runtime.Broker, e *runtime.Effects) {
	must[[]runtime.PublishResult](b)(br.Publish(context.Background(), e))
}

func receiveBatch(b *testing.B, br runtime.Broker) []runtime.Settlement {
	ds := must[[]runtime.Delivery](b)(br.Receive(context.Background(), runtime.Receive{
		Consumer: benchConsumer, Queues: []runtime.QueueShare{{Queue: "default"}}, Max: benchBatch, Lease: 30 * time.Second,
	}))
	ss := make([]runtime.Settlement, len(ds))
	for i, d := range ds {
		ss[i] = runtime.Settlement{Lease: d.Lease, Outcome: runtime.Succeeded, Result: []byte(`{"v":1,"payload":"Hello Stem"}`)}
	}
	return ss
}

// perTask reports the cost of one task, of which each iteration handles a batch.
func perTask(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchBatch), "ns/task")
}

func BenchmarkPublish(b *testing.B) {
	br, g := openBench(b), &batches{}
	for b.Loop() {
		b.StopTimer()
		e := g.next()
		b.StartTimer()
		publishBatch(b, br, e)
	}
	perTask(b)
}

func BenchmarkReceiveSettle(b *testing.B) {
	br, g := openBench(b), &batches{}
	for b.Loop() {
		b.StopTimer()
		publishBatch(b, br, g.next())
		b.StartTimer()
		ss := receiveBatch(b, br)
		must[[]runtime.SettleResult](b)(br.Settle(context.Background(), benchConsumer, ss))
	}
	perTask(b)
}

// BenchmarkTrip is all a task costs the store, with the garbage it makes.
func BenchmarkTrip(b *testing.B) {
	for _, backlog := range []int{0, 1_000, 100_000} {
		b.Run(fmt.Sprintf("backlog=%d", backlog), func(b *testing.B) {
			br, g := openBench(b), &batches{}
			for g.n < backlog {
				publishBatch(b, br, g.next())
			}
			for b.Loop() {
				publishBatch(b, br, g.next())
				ss := receiveBatch(b, br)
				must[[]runtime.SettleResult](b)(br.Settle(context.Background(), benchConsumer, ss))
			}
			perTask(b)
		})
	}
}
