package main

import (
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTallyCountsEveryCallOnce(t *testing.T) {
	t.Parallel()
	tl := newTally()
	const tasks, callers = 3 * chunkTasks, 4
	reached := tl.await(tasks)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for seq := range tasks {
				tl.handle(Payload{Seq: seq})
			}
		})
	}
	all.Wait()
	select {
	case <-reached:
	case <-time.After(10 * time.Second):
		t.Fatal("the tally never told that every task was seen")
	}
	got := tl.ledger(tasks, Counts{Finished: tasks})
	want := Ledger{In: tasks, Run: tasks, Out: tasks, Duplicates: (callers - 1) * tasks}
	if got != want {
		t.Errorf("ledger = %+v, want %+v", got, want)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
}

func TestTallyAwaitsWhatIsAlreadyThere(t *testing.T) {
	t.Parallel()
	tl := newTally()
	tl.see(0)
	select {
	case <-tl.await(1):
	default:
		t.Error("await did not notice a task seen before it was asked")
	}
}

func TestTallyFindsInventedTasks(t *testing.T) {
	t.Parallel()
	tl := newTally()
	for _, seq := range []int{0, 1, 2, chunkTasks, -1, maxTasks} {
		tl.see(seq)
	}
	if got := tl.ledger(2, Counts{Finished: 2}).Unknown; got != 4 {
		t.Errorf("unknown = %d, want 4: seq 2, %d, -1 and %d were never enqueued", got, chunkTasks, maxTasks)
	}
}

func TestLedgerRefusesWhatDoesNotAddUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ledger Ledger
		want   string // part of the error; empty is none
	}{
		{Ledger{In: 5, Run: 5, Out: 5}, ""},
		{Ledger{In: 5, Run: 3, Out: 2, Left: 3}, ""},
		{Ledger{In: 5, Run: 5, Out: 5, Duplicates: 9}, ""},
		{Ledger{In: 5, Run: 5, Out: 4}, "5 in, but 4 out and 0 left"},
		{Ledger{In: 5, Run: 6, Out: 6}, "5 in, but 6 out"},
		{Ledger{In: 5, Run: 4, Out: 5}, "only 4 were run"},
		{Ledger{In: 5, Run: 5, Out: 5, Unknown: 1}, "nobody enqueued"},
	} {
		err := c.ledger.Check()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c.ledger, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%+v: error %v, want %q", c.ledger, err, c.want)
		}
	}
}
