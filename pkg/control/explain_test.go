package control_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/control"
	"github.com/stem-jobs/stem/pkg/runtime"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/memory"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
)

// situation is a store with one task in question.
type situation struct {
	t     *testing.T
	ctx   context.Context
	b     *runtime.Backend
	now   time.Time
	alice runtime.Consumer
}

// eachStore runs f on every embedded store.
func eachStore(t *testing.T, f func(s *situation)) {
	for name, url := range map[string]string{"memory": "memory:", "sqlite": "sqlite:" + filepath.Join(t.TempDir(), "stem.db")} {
		t.Run(name, func(t *testing.T) {
			now := time.Now().UTC()
			b, err := runtime.Open(t.Context(), url, runtime.OpenOptions{Clock: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Close() })
			f(&situation{t: t, ctx: t.Context(), b: b, now: now, alice: runtime.Consumer{Worker: "alice", Incarnation: "1"}})
		})
	}
}

func (s *situation) publish(id string, change ...func(*runtime.Publication)) {
	s.t.Helper()
	p := runtime.Publication{Envelope: &runtime.Envelope{ID: id, Name: "mail.send", Queue: "mail", Args: json.RawMessage(`{}`), EnqueuedAt: s.now}}
	for _, f := range change {
		f(&p)
	}
	results, err := s.b.Broker.Publish(s.ctx, &runtime.Effects{Publish: []runtime.Publication{p}})
	if err != nil || results[0].Status != runtime.Accepted {
		s.t.Fatalf("publish %s: %v %v", id, results, err)
	}
}

func (s *situation) receive(n int) []runtime.Delivery {
	s.t.Helper()
	ds, err := s.b.Broker.Receive(s.ctx, runtime.Receive{Consumer: s.alice, Queues: []runtime.QueueShare{{Queue: "mail"}}, Max: n, Lease: time.Minute})
	if err != nil || len(ds) != n {
		s.t.Fatalf("receive %d: got %d, %v", n, len(ds), err)
	}
	return ds
}

func (s *situation) settle(d runtime.Delivery, o runtime.Outcome, reason string) {
	s.t.Helper()
	r, err := s.b.Broker.Settle(s.ctx, s.alice, []runtime.Settlement{{Lease: d.Lease, Outcome: o, Reason: reason, Error: "it broke"}})
	if err != nil || r[0].Status != runtime.Settled {
		s.t.Fatalf("settle: %v %v", r, err)
	}
}

func (s *situation) worker(queues, tasks []string, rate float64) {
	s.t.Helper()
	h := runtime.Heartbeat{WorkerID: "alice", Incarnation: "1", Timestamp: s.now, Queues: queues, Tasks: tasks, Rates: map[string]float64{"mail": rate}}
	if err := s.b.Heartbeats.Beat(s.ctx, h, time.Minute); err != nil {
		s.t.Fatal(err)
	}
}

// expect explains a task and compares the first cause and some words.
func (s *situation) expect(id string, cause control.Cause, words ...string) control.Reason {
	s.t.Helper()
	e, err := control.Explain(s.ctx, s.b, id, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range e.Reasons {
		if r.Cause != cause {
			continue
		}
		for _, w := range words {
			if !strings.Contains(r.Text, w) {
				s.t.Errorf("%q is not in %q", w, r.Text)
			}
		}
		return r
	}
	s.t.Errorf("no reason %s in %+v", cause, e.Reasons)
	return control.Reason{}
}

func TestExplainNotDue(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.publish("t1", func(p *runtime.Publication) { p.NotBefore = s.now.Add(2 * time.Hour) })
		s.expect("t1", control.CauseNotDue, "2h")
	})
}

func TestExplainRetryWaits(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.publish("t1")
		d := s.receive(1)[0]
		next := d.Envelope.Clone()
		next.Attempt = 1
		_, err := s.b.Broker.Settle(s.ctx, s.alice, []runtime.Settlement{{Lease: d.Lease, Outcome: runtime.Retried, At: s.now.Add(time.Minute), Next: next}})
		if err != nil {
			t.Fatal(err)
		}
		s.expect("t1", control.CauseNotDue, "attempt 1 failed", "1m")
	})
}

func TestExplainPausedByWhom(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.publish("t1")
		d := runtime.Directive{Kind: runtime.DirectivePause, Subject: "mail", By: "bob", Reason: "provider is down", At: s.now}
		if _, err := s.b.Directives.Put(s.ctx, []runtime.Directive{d}); err != nil {
			t.Fatal(err)
		}
		s.expect("t1", control.CausePaused, "bob", "provider is down")
		d.Lifted = true
		if _, err := s.b.Directives.Put(s.ctx, []runtime.Directive{d}); err != nil {
			t.Fatal(err)
		}
		e, _ := control.Explain(s.ctx, s.b, "t1", s.now)
		for _, r := range e.Reasons {
			if r.Cause == control.CausePaused {
				t.Error("a lifted pause is still a reason")
			}
		}
	})
}

func TestExplainNoWorker(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.publish("t1")
		s.expect("t1", control.CauseNoWorker, "no worker is running")
		s.worker([]string{"other"}, []string{"mail.send"}, 0)
		s.expect("t1", control.CauseNoWorker, "serves queue mail")
	})
}

func TestExplainNobodyKnowsTheName(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.publish("t1")
		s.worker([]string{"mail"}, []string{"mail.read"}, 0)
		s.expect("t1", control.CauseUnknownName, "mail.send", "alice")
	})
}

func TestExplainParked(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.publish("t1")
		s.settle(s.receive(1)[0], runtime.Parked, runtime.ReasonUnknown)
		s.expect("t1", control.CauseParked, runtime.ReasonUnknown, "mail.send")
	})
}

func TestExplainLimit(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.publish("t1")
		s.publish("t2")
		s.publish("t3")
		use := []runtime.LimitUse{{Key: "task:mail.send", Slots: 1}}
		for i, d := range s.receive(3) {
			v, err := s.b.Broker.Admit(s.ctx, s.alice, []runtime.Admission{{Lease: d.Lease, Uses: use}})
			if err != nil || v[0].Run != (i == 0) {
				t.Fatalf("admit %d: %+v %v", i, v, err)
			}
		}
		r := s.expect("t3", control.CauseLimit, "task:mail.send", "number 2", "t1", "alice")
		if r.Position != 2 || r.Key != "task:mail.send" || len(r.Holders) != 1 || r.Holders[0].TaskID != "t1" {
			t.Errorf("got %+v", r)
		}
	})
}

func TestExplainRateIsBooked(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.publish("t1")
		s.publish("t2")
		use := []runtime.LimitUse{{Key: "task:mail.send", Rate: 1, Per: time.Hour}}
		for _, d := range s.receive(2) {
			if _, err := s.b.Broker.Admit(s.ctx, s.alice, []runtime.Admission{{Lease: d.Lease, Uses: use}}); err != nil {
				t.Fatal(err)
			}
		}
		s.expect("t2", control.CauseNotDue, "task:mail.send", "1h")
	})
}

func TestExplainUniqueOwner(t *testing.T) {
	eachStore(t, func(s *situation) {
		unique := func(p *runtime.Publication) { p.Unique = &runtime.Unique{Key: "mail.send:17"} }
		s.publish("t1", unique)
		s.settle(s.receive(1)[0], runtime.Dead, runtime.ReasonPermanent)
		s.publish("t2", unique)
		if r := s.expect("t1", control.CauseUniqueOwner, "t2"); r.Owner != "t2" {
			t.Errorf("got %+v", r)
		}
	})
}

func TestExplainBacklogWithAnEstimate(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.worker([]string{"mail"}, []string{"mail.send"}, 2)
		s.publish("t1")
		s.publish("t2")
		s.publish("urgent", func(p *runtime.Publication) { p.Envelope.Priority = 9 })
		s.publish("t3")
		r := s.expect("t3", control.CauseBacklog, "3 tasks", "1.5s")
		if r.Ahead != 3 || r.Estimate != 1500*time.Millisecond {
			t.Errorf("got %+v", r)
		}
		s.expect("urgent", control.CauseNext)
	})
}

func TestExplainRunningAndEnded(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.publish("t1")
		d := s.receive(1)[0]
		s.expect("t1", control.CauseRunning, "alice")
		s.settle(d, runtime.Dead, runtime.ReasonExhausted)
		r := s.expect("t1", control.CauseEnded, runtime.ReasonExhausted, "it broke")
		if !strings.Contains(r.Hint, "stem dlq replay t1") {
			t.Errorf("hint %q", r.Hint)
		}
	})
}

func TestExplainRevoked(t *testing.T) {
	eachStore(t, func(s *situation) {
		s.publish("t1")
		s.receive(1)
		if _, err := s.b.Broker.Cancel(s.ctx, []runtime.Revocation{{TaskID: "t1", By: "bob"}}); err != nil {
			t.Fatal(err)
		}
		s.expect("t1", control.CauseRevoked, "bob", "may finish")
	})
}

func TestExplainUnknownTask(t *testing.T) {
	eachStore(t, func(s *situation) {
		if _, err := control.Explain(s.ctx, s.b, "nope", s.now); runtime.CodeOf(err) != runtime.CodeNotFound {
			t.Errorf("got %v", err)
		}
	})
}

func TestPurgeQueueIsCancelInPages(t *testing.T) {
	eachStore(t, func(s *situation) {
		for i := range 25 {
			s.publish("t" + string(rune('a'+i)))
		}
		running := s.receive(1)[0]
		calls := 0
		report, err := control.PurgeQueue(s.ctx, s.b, "mail", "bob", "", func(control.PurgeReport) { calls++ })
		if err != nil || report.Matched != 24 || report.Done != 24 || report.Remaining != 0 || calls == 0 {
			t.Fatalf("%+v %v", report, err)
		}
		s.settle(running, runtime.Succeeded, "")
		stats, err := s.b.Queues.Stats(s.ctx, []string{"mail"})
		if err != nil || stats[0].Cancelled != 24 || stats[0].Succeeded != 1 || stats[0].Ready != 0 {
			t.Errorf("%+v %v", stats, err)
		}
		audit, _, err := s.b.Audits.List(s.ctx, runtime.AuditQuery{Action: runtime.AuditCancel})
		if err != nil || len(audit) != 24 || audit[0].By != "bob" {
			t.Errorf("%d entries, %v", len(audit), err)
		}
	})
}
