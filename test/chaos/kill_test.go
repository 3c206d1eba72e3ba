package chaos

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// seconds is how long the killing goes on; STEM_CHAOS_SECONDS makes it longer.
func seconds(t *testing.T, usual int) time.Duration {
	t.Helper()
	if s := os.Getenv("STEM_CHAOS_SECONDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		usual = n
	}
	return time.Duration(usual) * time.Second
}

// TestChaosKillAnythingAtAnyMoment runs four workers and two producers on one
// file and kills one of the six every few hundred milliseconds. Every task
// whose id a producer printed must end exactly once; only what a killed process
// had begun may run twice; and all is over within 15 seconds of the last kill.
func TestChaosKillAnythingAtAnyMoment(t *testing.T) {
	p := newPlace(t)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)

	b := p.open() // and so the file exists before six processes race to make it
	workers := make([]*process, 4)
	startWorker := func(i int) {
		workers[i] = p.start(nil, io.Discard, "worker", "--name", fmt.Sprintf("w%d", i), "--concurrency", "8", "-q")
	}
	for i := range workers {
		startWorker(i)
	}
	producers := make([]*producer, 2)
	for i := range producers {
		producers[i] = p.produce(i)
	}

	killed := map[string]int{}
	end := time.After(seconds(t, 20))
	for going := true; going; {
		select {
		case <-end:
			going = false
		case <-time.After(time.Duration(150+random.IntN(500)) * time.Millisecond):
			if i := random.IntN(6); i < 4 {
				workers[i].kill()
				killed["worker"]++
				startWorker(i)
			} else {
				producers[i-4].restart()
				killed["producer"]++
			}
		}
	}
	var accepted []string
	for _, x := range producers {
		accepted = append(accepted, x.stop()...)
	}
	last := time.Now()
	until(t, 40*time.Second, "tasks are unfinished", func() bool {
		_, unfinished := counts(t, b)
		return unfinished == 0
	})
	recovered := time.Since(last)
	for _, w := range workers {
		w.kill()
	}
	report(t, p, b, accepted, killed, recovered)
	if recovered > 15*time.Second {
		t.Errorf("it took %s to recover from the last kill", recovered)
	}
}

// report compares the store, what the producers were promised and what the
// handlers did, and prints the ledger.
func report(t *testing.T, p *place, b *runtime.Backend, accepted []string, killed map[string]int, recovered time.Duration) {
	t.Helper()
	done := readLedger(t, p.ledger)
	var succeeded, dead, twice, unexplained int
	for id, r := range states(t, b, accepted) {
		e := done[id]
		switch {
		case r.State == runtime.StateSucceeded:
			succeeded++
		case r.State == runtime.StateFailed && r.Reason == runtime.ReasonPermanent:
			dead++
		default:
			t.Errorf("accepted task %s is %q (%s)", id, r.State, r.Reason)
		}
		if e.ends == 0 {
			t.Errorf("task %s has ended but never ran", id)
		}
		if e.begins > 1 {
			twice++
			// Every repeat needs a process that was killed with it: in the handler
			// (cut) or between the end of the handler and the settlement.
			if e.begins > r.Losses+1 {
				unexplained++
				t.Errorf("task %s ran %d times, but only %d workers died with it", id, e.begins, r.Losses)
			}
		}
	}
	t.Logf("ledger: accepted %d = succeeded %d + dead %d; ran more than once %d, of them unexplained %d; killed %v; recovered in %s",
		len(accepted), succeeded, dead, twice, unexplained, killed, recovered.Round(time.Millisecond))
	if len(accepted) < 200 || killed["worker"] == 0 || killed["producer"] == 0 {
		t.Errorf("too little happened to show anything: %d accepted, killed %v", len(accepted), killed)
	}
}

// producer feeds `stem enqueue --stdin` and notes the ids that it printed: those
// are accepted, whatever happens to the process afterwards.
type producer struct {
	p       *place
	number  int
	mu      sync.Mutex
	ids     []string
	next    int
	current *process
	feed    *io.PipeWriter
	reading sync.WaitGroup
}

func (p *place) produce(number int) *producer {
	x := &producer{p: p, number: number}
	x.begin()
	return x
}

func (x *producer) begin() {
	in, feed := io.Pipe()
	out, print := io.Pipe()
	x.feed = feed
	x.current = x.p.start(in, print, "enqueue", "--stdin", "--force", "-q")
	current := x.current
	go func() { // the pipes end with the process
		<-current.done
		print.Close()
		in.CloseWithError(io.ErrClosedPipe)
	}()
	go x.write(feed)
	x.reading.Go(func() {
		for scan := bufio.NewScanner(out); scan.Scan(); {
			x.mu.Lock()
			x.ids = append(x.ids, scan.Text())
			x.mu.Unlock()
		}
	})
}

// write hands over tasks until the pipe breaks; about 3 % fail on purpose.
func (x *producer) write(feed *io.PipeWriter) {
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	for range pace.C {
		x.mu.Lock()
		x.next++
		n := x.next
		x.mu.Unlock()
		line := fmt.Sprintf(`{"task": "chaos.work", "id": "p%d-%d", "args": {"ms": %d, "fail": %v}}`+"\n", x.number, n, n%20, n%31 == 0)
		if _, err := io.WriteString(feed, line); err != nil {
			return
		}
	}
}

// restart kills the process in whatever it does and starts another.
func (x *producer) restart() {
	x.current.kill()
	x.reading.Wait()
	x.begin()
}

// stop ends the stream in good order and returns all accepted ids.
func (x *producer) stop() []string {
	x.feed.Close()
	<-x.current.done
	x.reading.Wait()
	return x.ids
}
