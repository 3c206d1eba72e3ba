package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
)

var (
	benchWorker = runtime.Consumer{Worker: "bench", Incarnation: "1"}
	benchResult = []byte(`{"v":1,"payload":` + strings.Repeat(`"0123456789"`, 9) + `}`)
)

// bench is a store with as many tasks in it as a benchmark wants.
type bench struct {
	*testing.B
	*runtime.Backend
	made int
	cpu  time.Duration // used while the timer ran
	from time.Duration
}

func newBench(b *testing.B) *bench {
	store, err := sqlite.Driver{}.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "stem.db"), runtime.OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	return &bench{B: b, Backend: store}
}

// tasks are publications of about 300 bytes, with ids that grow as ours do.
func (b *bench) tasks(n int) *runtime.Effects {
	e := &runtime.Effects{Publish: make([]runtime.Publication, n)}
	for i := range e.Publish {
		b.made++
		e.Publish[i].Envelope = &runtime.Envelope{
			ID: fmt.Sprintf("0199f2a0-0000-7000-8000-%012d", b.made), Name: "mail.send", Queue: "default",
			EnqueuedAt: time.Now(), Args: []byte(`{"to":"somebody@example.org","subject":"` + strings.Repeat("x", 40) + `"}`), MaxRetries: 3,
		}
	}
	return e
}

func (b *bench) fill(n int) {
	for ; n > 0; n -= 1000 {
		if _, err := b.Broker.Publish(b.Context(), b.tasks(min(n, 1000))); err != nil {
			b.Fatal(err)
		}
	}
}

func (b *bench) receive(n int) []runtime.Delivery {
	ds, err := b.Broker.Receive(b.Context(), runtime.Receive{
		Consumer: benchWorker, Queues: []runtime.QueueShare{{Queue: "default"}}, Max: n, Lease: time.Minute, Wait: time.Minute,
	})
	if err != nil {
		b.Fatal(err)
	}
	return ds
}

func (b *bench) settle(ds []runtime.Delivery) {
	ss := make([]runtime.Settlement, len(ds))
	for i, d := range ds {
		ss[i] = runtime.Settlement{Lease: d.Lease, Outcome: runtime.Succeeded, Result: benchResult}
	}
	rs, err := b.Broker.Settle(b.Context(), benchWorker, ss)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range rs {
		if r.Status != runtime.Settled {
			b.Fatalf("settle: status %d", r.Status)
		}
	}
}

// pause and resume stop the clock and the count of CPU time for what is not
// measured.
func (b *bench) pause() {
	b.StopTimer()
	b.cpu += cpuTime() - b.from
}

func (b *bench) resume() {
	b.from = cpuTime()
	b.StartTimer()
}

func (b *bench) perTask(tasks int) {
	b.cpu += cpuTime() - b.from
	b.ReportMetric(float64(b.cpu.Nanoseconds())/float64(tasks), "cpu-ns/task")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(tasks), "ns/task")
	b.ReportMetric(float64(tasks)/b.Elapsed().Seconds(), "tasks/s")
}

var batches = []int{1, 16, 100, 500}

func BenchmarkPublish(b *testing.B) {
	for _, n := range batches {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			s := newBench(b)
			s.from = cpuTime()
			for b.Loop() {
				if _, err := s.Broker.Publish(b.Context(), s.tasks(n)); err != nil {
					b.Fatal(err)
				}
			}
			s.perTask(s.made)
		})
	}
}

// A claim costs the same whatever waits behind it.
func BenchmarkReceive(b *testing.B) {
	for _, backlog := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("batch=100/backlog=%d", backlog), func(b *testing.B) {
			s := newBench(b)
			s.fill(backlog)
			tasks := 0
			s.from = cpuTime()
			for b.Loop() {
				ds := s.receive(100)
				tasks += len(ds)
				s.pause()
				s.settle(ds)
				s.fill(len(ds))
				s.resume()
			}
			s.perTask(tasks)
		})
	}
}

func BenchmarkSettle(b *testing.B) {
	for _, n := range batches {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			s := newBench(b)
			tasks := 0
			s.from = cpuTime()
			for b.Loop() {
				s.pause()
				s.fill(n)
				ds := s.receive(n)
				s.resume()
				s.settle(ds)
				tasks += len(ds)
			}
			s.perTask(tasks)
		})
	}
}

// BenchmarkCycle receives and settles what was published before.
func BenchmarkCycle(b *testing.B) {
	for _, n := range batches {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			s := newBench(b)
			s.fill(200_000)
			tasks := 0
			s.from = cpuTime()
			for b.Loop() {
				if tasks+2*n > s.made {
					s.pause()
					s.fill(200_000)
					s.resume()
				}
				ds := s.receive(n)
				s.settle(ds)
				tasks += len(ds)
			}
			s.perTask(tasks)
		})
	}
}

// BenchmarkSustained has 16 producers of single tasks and a worker that settles
// what it receives.
func BenchmarkSustained(b *testing.B) {
	s := newBench(b)
	room := make(chan struct{}, 2000) // bounds the backlog
	stop := make(chan struct{})
	next := make(chan *runtime.Effects, 64)
	var producers sync.WaitGroup
	producers.Go(func() {
		defer close(next)
		for {
			select {
			case next <- s.tasks(1):
			case <-stop:
				return
			}
		}
	})
	for range 16 {
		producers.Go(func() {
			for e := range next {
				select {
				case room <- struct{}{}:
				case <-stop:
					return
				}
				if _, err := s.Broker.Publish(b.Context(), e); err != nil {
					b.Error(err)
				}
			}
		})
	}
	tasks := 0
	s.from = cpuTime()
	for b.Loop() {
		ds := s.receive(100)
		s.settle(ds)
		for range ds {
			<-room
		}
		tasks += len(ds)
	}
	s.perTask(tasks)
	close(stop)
	producers.Wait()
}
