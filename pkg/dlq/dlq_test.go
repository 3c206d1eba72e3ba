package dlq_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/dlq"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/memory"
)

// graveyard is a memory store with n dead letters of one queue.
type graveyard struct {
	t *testing.T
	b *runtime.Backend
	c *client.Client
}

func bury(t *testing.T, n int, change ...func(*runtime.Publication)) *graveyard {
	t.Helper()
	b, err := runtime.Open(t.Context(), "memory:", runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	g := &graveyard{t: t, b: b, c: client.New(b, client.Options{})}
	var e runtime.Effects
	for i := range n {
		p := runtime.Publication{Envelope: &runtime.Envelope{
			ID: fmt.Sprintf("t%03d", i), Name: "mail.send", Queue: "mail", Args: json.RawMessage(`{}`), EnqueuedAt: time.Now(), Attempt: 2,
		}}
		for _, f := range change {
			f(&p)
		}
		e.Publish = append(e.Publish, p)
	}
	if _, err := b.Broker.Publish(t.Context(), &e); err != nil {
		t.Fatal(err)
	}
	me := runtime.Consumer{Worker: "w", Incarnation: "1"}
	for {
		ds, err := b.Broker.Receive(t.Context(), runtime.Receive{Consumer: me, Queues: []runtime.QueueShare{{Queue: "mail"}}, Max: 100, Lease: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if len(ds) == 0 {
			return g
		}
		var ss []runtime.Settlement
		for _, d := range ds {
			ss = append(ss, runtime.Settlement{Lease: d.Lease, Outcome: runtime.Dead, Reason: runtime.ReasonExhausted, Error: "provider is down"})
		}
		if _, err := b.Broker.Settle(t.Context(), me, ss); err != nil {
			t.Fatal(err)
		}
	}
}

// counts returns dead and ready tasks.
func (g *graveyard) counts() (dead, ready int64) {
	g.t.Helper()
	s, err := g.b.Queues.Stats(g.t.Context(), []string{"mail"})
	if err != nil {
		g.t.Fatal(err)
	}
	return s[0].Dead, s[0].Ready
}

// soon is past every burial: the bulk works on what died before it began.
func soon() runtime.DeadQuery { return runtime.DeadQuery{Until: time.Now().Add(time.Second)} }

func TestReplayStartsOver(t *testing.T) {
	g := bury(t, 450)
	report, err := dlq.Replay(t.Context(), g.c, g.b.DeadLetters, dlq.ReplayOptions{Query: soon(), By: "bob"})
	if err != nil || report.Matched != 450 || report.Done != 450 || report.Remaining != 0 {
		t.Fatalf("%+v %v", report, err)
	}
	if dead, ready := g.counts(); dead != 0 || ready != 450 {
		t.Errorf("%d dead, %d ready", dead, ready)
	}
	e, err := g.b.Queues.Envelope(t.Context(), "t000")
	if err != nil || e.Attempt != 0 || e.Headers[runtime.HeaderReplay] != "1" {
		t.Errorf("envelope %+v, %v", e, err)
	}
}

func TestDryRunAndLimit(t *testing.T) {
	g := bury(t, 30)
	report, err := dlq.Replay(t.Context(), g.c, g.b.DeadLetters, dlq.ReplayOptions{Query: soon(), DryRun: true, Limit: 12})
	if err != nil || report.Matched != 30 || report.Done != 12 || report.Remaining != 18 {
		t.Errorf("dry run: %+v %v", report, err)
	}
	if dead, _ := g.counts(); dead != 30 {
		t.Fatalf("the dry run changed something: %d dead", dead)
	}
	report, err = dlq.Replay(t.Context(), g.c, g.b.DeadLetters, dlq.ReplayOptions{Query: soon(), Limit: 12})
	if err != nil || report.Done != 12 || report.Remaining != 18 {
		t.Errorf("limited: %+v %v", report, err)
	}
	purged, err := dlq.Purge(t.Context(), g.b.DeadLetters, dlq.PurgeOptions{Query: soon(), Limit: 8})
	if err != nil || purged.Done != 8 || purged.Remaining != 10 {
		t.Errorf("purge: %+v %v", purged, err)
	}
	if dead, ready := g.counts(); dead != 10 || ready != 12 {
		t.Errorf("%d dead, %d ready", dead, ready)
	}
}

// TestRate: at 50 a second 200 dead letters take four seconds, evenly.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := bury(t, 200)
		start := time.Now()
		var half time.Duration
		_, err := dlq.Replay(t.Context(), g.c, g.b.DeadLetters, dlq.ReplayOptions{Query: soon(), Rate: 50, OnProgress: func(r dlq.Report) {
			if half == 0 && r.Done >= 100 {
				half = time.Since(start)
			}
		}})
		took := time.Since(start)
		if err != nil || took < 3700*time.Millisecond || took > 4200*time.Millisecond || half < 1500*time.Millisecond || half > 2300*time.Millisecond {
			t.Errorf("took %s, half of it after %s, %v", took, half, err)
		}
		if err := g.b.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestInterruptAndGoOn stops a replay in the middle and runs it again: nothing
// is lost and nothing done twice.
func TestInterruptAndGoOn(t *testing.T) {
	g := bury(t, 600)
	ctx, stop := context.WithCancel(t.Context())
	first, err := dlq.Replay(ctx, g.c, g.b.DeadLetters, dlq.ReplayOptions{Query: soon(), OnProgress: func(dlq.Report) { stop() }})
	if !errors.Is(err, context.Canceled) || first.Done == 0 || first.Done == 600 || first.Done+first.Remaining != 600 {
		t.Fatalf("%+v %v", first, err)
	}
	if dead, ready := g.counts(); dead != first.Remaining || ready != first.Done {
		t.Errorf("the report says %+v; %d dead, %d ready", first, dead, ready)
	}
	second, err := dlq.Replay(t.Context(), g.c, g.b.DeadLetters, dlq.ReplayOptions{Query: soon()})
	if err != nil || second.Done != first.Remaining {
		t.Errorf("%+v %v", second, err)
	}
	if dead, ready := g.counts(); dead != 0 || ready != 600 {
		t.Errorf("%d dead, %d ready", dead, ready)
	}
}

// TestProblemsAreNamed: a dead letter whose unique key has a new owner stays,
// and the report says why.
func TestProblemsAreNamed(t *testing.T) {
	g := bury(t, 1, func(p *runtime.Publication) { p.Unique = &runtime.Unique{Key: "k"} })
	owner := runtime.Publication{Envelope: &runtime.Envelope{ID: "owner", Name: "mail.send", Queue: "mail"}, Unique: &runtime.Unique{Key: "k"}}
	if _, err := g.b.Broker.Publish(t.Context(), &runtime.Effects{Publish: []runtime.Publication{owner}}); err != nil {
		t.Fatal(err)
	}
	report, err := dlq.Replay(t.Context(), g.c, g.b.DeadLetters, dlq.ReplayOptions{Query: soon()})
	if err != nil || report.Failed != 1 || len(report.Problems) != 1 || report.Problems[0].ID != "t000" {
		t.Errorf("%+v %v", report, err)
	}
	if dead, _ := g.counts(); dead != 1 {
		t.Errorf("%d dead", dead)
	}
	report, err = dlq.Replay(t.Context(), g.c, g.b.DeadLetters, dlq.ReplayOptions{Query: soon(), MaxErrors: 1})
	if !errors.Is(err, runtime.ErrConflict) || report.Failed != 1 {
		t.Errorf("max errors: %+v %v", report, err)
	}
}

func TestExportReadsEverythingInOrder(t *testing.T) {
	g := bury(t, 250)
	n := 0
	var last time.Time
	err := dlq.Export(t.Context(), g.b.DeadLetters, soon(), 0, func(l runtime.DeadLetter) error {
		if l.Task.FinishedAt.Before(last) || l.Envelope == nil || l.Task.Error != "provider is down" {
			t.Errorf("letter %d: %+v", n, l)
		}
		last = l.Task.FinishedAt
		n++
		return nil
	})
	if err != nil || n != 250 {
		t.Errorf("%d, %v", n, err)
	}
	n = 0
	if err := dlq.Export(t.Context(), g.b.DeadLetters, soon(), 7, func(runtime.DeadLetter) error { n++; return nil }); err != nil || n != 7 {
		t.Errorf("limited: %d, %v", n, err)
	}
}
