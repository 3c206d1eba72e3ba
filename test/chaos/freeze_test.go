package chaos

import (
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// TestChaosFrozenWorkerCannotSettleLate stops a worker in the middle of a task
// until another has taken over and finished it, and lets it go on: its late
// settlement is refused and counted, and the record is the other's.
func TestChaosFrozenWorkerCannotSettleLate(t *testing.T) {
	p := newPlace(t)
	b := p.open()
	frozen := p.start(nil, io.Discard, "worker", "--name", "frozen", "-q")
	if _, stderr, code := p.stem("enqueue", "chaos.work", `{"ms": 1500}`, "--id", "late"); code != 0 {
		t.Fatalf("enqueue: exit %d: %s", code, stderr)
	}
	record := func() runtime.TaskRecord { return states(t, b, []string{"late"})["late"] }
	until(t, 10*time.Second, "the worker has not begun", func() bool { return readLedger(t, p.ledger)["late"].begins == 1 })

	frozen.signal(syscall.SIGSTOP)
	start := time.Now()
	p.start(nil, io.Discard, "worker", "--name", "other", "-q")
	until(t, 30*time.Second, "the other worker has not finished it", func() bool { return record().State == runtime.StateSucceeded })
	taken := time.Since(start)
	frozen.signal(syscall.SIGCONT)

	until(t, 20*time.Second, "the late settlement was not counted", func() bool { return heartbeat(t, b, "frozen").LeaseLost == 1 })
	r := record()
	if r.State != runtime.StateSucceeded || r.Worker != "other" || r.Losses != 1 || r.Attempt != 0 {
		t.Errorf("record: %s by %s, %d losses, attempt %d", r.State, r.Worker, r.Losses, r.Attempt)
	}
	if taken > 15*time.Second+1500*time.Millisecond {
		t.Errorf("the other worker took %s to take over and finish", taken)
	}
	t.Logf("taken over and finished after %s; late settlement refused and counted", taken.Round(time.Millisecond))
}

func heartbeat(t *testing.T, b *runtime.Backend, worker string) runtime.Heartbeat {
	t.Helper()
	all, err := b.Heartbeats.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		if h.WorkerID == worker {
			return h
		}
	}
	return runtime.Heartbeat{}
}

// TestChaosWarmStopLosesNothing ends workers by SIGTERM under load: what runs
// finishes, what was prefetched goes back at once, and no attempt is charged.
func TestChaosWarmStopLosesNothing(t *testing.T) {
	p := newPlace(t)
	b := p.open()
	var ids []string
	feed, in := io.Pipe()
	enqueue := p.start(feed, io.Discard, "enqueue", "--stdin", "--force", "-q")
	for i := range 400 {
		ids = append(ids, fmt.Sprintf("warm-%d", i))
		fmt.Fprintf(in, `{"task": "chaos.work", "id": %q, "args": {"ms": 5}}`+"\n", ids[i])
	}
	in.Close()
	<-enqueue.done

	for i := 0; ; i++ {
		if _, unfinished := counts(t, b); unfinished == 0 {
			break
		}
		w := p.start(nil, io.Discard, "worker", "--name", fmt.Sprintf("warm%d", i), "--concurrency", "4", "-q")
		s, _ := counts(t, b)
		until(t, 20*time.Second, "the worker does nothing", func() bool {
			now, unfinished := counts(t, b)
			return now.Succeeded >= s.Succeeded+60 || unfinished == 0
		})
		w.signal(syscall.SIGTERM)
		<-w.done
		if code := w.cmd.ProcessState.ExitCode(); code != 0 {
			t.Fatalf("a drained worker exited %d: %s", code, w.stderr)
		}
		if s, _ := counts(t, b); s.Leased != 0 {
			t.Fatalf("%d tasks are still leased to a worker that left in good order", s.Leased)
		}
	}
	done := readLedger(t, p.ledger)
	for id, r := range states(t, b, ids) {
		if r.State != runtime.StateSucceeded || r.Attempt != 0 || r.Losses != 0 || done[id].begins != 1 {
			t.Errorf("%s: %s, attempt %d, %d losses, ran %d times", id, r.State, r.Attempt, r.Losses, done[id].begins)
		}
	}
}
