package main

import (
	"testing"
	"time"
)

// TestEverySystemKeepsItsLedger works off a few tasks on each system, as the measured runs do.
func TestEverySystemKeepsItsLedger(t *testing.T) {
	t.Parallel()
	for _, c := range columns() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ledger := workOff(t, c.create(), Settings{Dir: t.TempDir(), Sync: syncNormal})
			if err := ledger.Check(); err != nil {
				t.Error(err)
			}
			if ledger.Left != 0 || ledger.Out != ledger.In {
				t.Errorf("not everything was worked off: %s", ledger)
			}
		})
	}
}

// workOff enqueues single tasks and a batch, before and while a worker runs, and returns the account.
func workOff(t *testing.T, s System, settings Settings) Ledger {
	t.Helper()
	ctx := t.Context()
	r := &trial{system: s, tally: newTally(), figures: map[string]float64{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	enqueue := func(n int) {
		t.Helper()
		must(s.Enqueue(ctx, newPayloads(r.in, n)))
		r.in += n
	}
	must(s.Open(ctx, settings))
	enqueue(1)
	enqueue(120)
	must(s.Start(ctx, 10, r.tally.handle))
	enqueue(1)
	enqueue(20)
	left, err := r.untilFinished(ctx, 20*time.Second)
	must(err)
	if left > 0 {
		t.Errorf("%d tasks are left", left)
	}
	must(r.stop(ctx))
	counts, err := s.Counts(ctx)
	must(err)
	must(s.Close())
	return r.tally.ledger(r.in, counts)
}
