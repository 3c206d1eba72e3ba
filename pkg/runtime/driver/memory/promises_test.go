package memory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// The answers to questions that the ports leave to be read between their lines.
// What another store may answer differently is here and not in the suite.

// stage is a store whose time is moved by hand.
type stage struct {
	*testing.T
	b   *runtime.Backend
	now time.Time
}

func newStage(t *testing.T) *stage {
	s := &stage{T: t, now: time.Unix(1_700_000_000, 0).UTC()}
	s.b, _ = open(t, func() time.Time { return s.now })
	return s
}

func (s *stage) publish(p runtime.Publication) runtime.PublishStatus {
	s.Helper()
	rs, err := s.b.Broker.Publish(s.Context(), &runtime.Effects{Publish: []runtime.Publication{p}})
	if err != nil {
		s.Fatal(err)
	}
	return rs[0].Status
}

func (s *stage) take(id string) runtime.Delivery {
	s.Helper()
	ds := receive(s.T, s.b, 1)
	if len(ds) != 1 || ds[0].Lease.TaskID != id {
		s.Fatalf("received %+v; want %s", ds, id)
	}
	return ds[0]
}

func (s *stage) admit(d runtime.Delivery, uses ...runtime.LimitUse) runtime.Verdict {
	s.Helper()
	vs, err := s.b.Broker.Admit(s.Context(), worker, []runtime.Admission{{Lease: d.Lease, Uses: uses}})
	if err != nil {
		s.Fatal(err)
	}
	return vs[0]
}

func (s *stage) settle(d runtime.Delivery, o runtime.Outcome) {
	s.Helper()
	settle(s.T, s.b, runtime.Settlement{Lease: d.Lease, Outcome: o})
}

// pass lets time go by, with housekeeping.
func (s *stage) pass(d time.Duration) {
	s.Helper()
	s.now = s.now.Add(d)
	if _, err := s.b.Broker.Recover(s.Context(), runtime.Recover{}); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) record(id string) runtime.TaskRecord {
	s.Helper()
	rs, err := s.b.Results.Get(s.Context(), []string{id})
	if err != nil {
		s.Fatal(err)
	}
	return rs[0]
}

// booked takes a rate's only token and returns a task that has booked the next,
// in hand again.
func (s *stage) booked(rate runtime.LimitUse) runtime.Delivery {
	s.Helper()
	publish(s.T, s.b, publication("first"), publication("a"))
	first := s.take("first")
	if v := s.admit(first, rate); !v.Run {
		s.Fatalf("the first token: %+v", v)
	}
	s.settle(first, runtime.Succeeded)
	if v := s.admit(s.take("a"), rate); v.Until.IsZero() {
		s.Fatalf("the second token: %+v; want it booked", v)
	}
	s.pass(rate.Per)
	d := s.take("a")
	if !d.Booked {
		s.Fatal("it came back without being booked")
	}
	return d
}

var hourly = runtime.LimitUse{Key: "r", Rate: 1, Per: time.Hour}

func TestReleasedBeforeItRanKeepsItsBooking(t *testing.T) {
	s := newStage(t)
	s.settle(s.booked(hourly), runtime.Released)
	if !s.take("a").Booked {
		t.Fatal("it pays its rate twice and has not run")
	}
}

func TestEveryAttemptPaysItsRate(t *testing.T) {
	for _, again := range []func(*stage, runtime.Delivery){
		func(s *stage, d runtime.Delivery) { s.settle(d, runtime.Retried) },
		func(s *stage, _ runtime.Delivery) { s.pass(time.Minute) }, // its lease ends
		func(s *stage, d runtime.Delivery) {
			s.settle(d, runtime.Dead)
			if _, err := s.b.DeadLetters.Replay(s.Context(), []runtime.Replay{{TaskID: "a"}}); err != nil {
				s.Fatal(err)
			}
		},
	} {
		s := newStage(t)
		again(s, s.booked(hourly))
		d := s.take("a")
		if d.Booked {
			t.Fatal("another attempt runs for the token of the first")
		}
		if v := s.admit(d, hourly); v.Until.IsZero() {
			t.Fatalf("%+v; want it to book once more", v)
		}
	}
}

// A task that needs a rate and a slot holds the slot while it waits for the
// rate: when it comes back booked nobody asks again.
func TestBookedTaskHasItsSlot(t *testing.T) {
	s := newStage(t)
	slot := runtime.LimitUse{Key: "s", Slots: 1}
	publish(t, s.b, publication("first"), publication("a"), publication("b"))
	first, a, b := s.take("first"), s.take("a"), s.take("b")
	if v := s.admit(first, hourly); !v.Run {
		t.Fatalf("first: %+v", v)
	}
	if v := s.admit(a, hourly, slot); v.Until.IsZero() {
		t.Fatalf("a: %+v; want it to wait for its rate", v)
	}
	if v := s.admit(b, slot); v.Key != "s" {
		t.Fatalf("b: %+v; want it to wait for a's slot", v)
	}
	s.settle(first, runtime.Succeeded)
	s.pass(time.Hour)
	d := s.take("a")
	if !d.Booked {
		t.Fatal("a has its rate and its slot and is to ask again")
	}
	s.settle(d, runtime.Released) // without the slot, which goes to b
	if v := s.admit(s.take("a"), hourly, slot); v.Key != "s" {
		t.Fatalf("a: %+v; want it to wait for b's slot, with its rate paid", v)
	}
	s.settle(s.take("b"), runtime.Succeeded)
	if d := s.take("a"); !d.Booked {
		t.Fatal("a has its rate and its slot and is to ask again")
	}
}

// Being put aside for a limit or an unknown name is no start: a task expires
// there as it would in the line.
func TestExpiresWhereverItWaitsForItsStart(t *testing.T) {
	s := newStage(t)
	slot := runtime.LimitUse{Key: "s", Slots: 1}
	publish(t, s.b, publication("first"))
	s.admit(s.take("first"), slot, hourly)
	for _, id := range []string{"waiting", "delayed", "parked", "retried"} {
		p := publication(id)
		p.ExpiresAt = s.now.Add(30 * time.Second)
		publish(t, s.b, p)
	}
	s.admit(s.take("waiting"), slot)
	s.admit(s.take("delayed"), hourly)
	s.settle(s.take("parked"), runtime.Parked)
	s.settle(s.take("retried"), runtime.Retried)
	s.pass(30 * time.Second)
	for _, id := range []string{"waiting", "delayed", "parked"} {
		if r := s.record(id); r.Reason != runtime.ReasonExpired {
			t.Errorf("%s is %s in %s; want it expired", id, r.State, r.Place)
		}
	}
	if d := s.take("retried"); d.Expired {
		t.Error("a task that had begun in time has expired")
	}
}

// Having begun once is not held against a task that was lost on the shelf of its
// next worker.
func TestStartedIsOfOneHandOut(t *testing.T) {
	s := newStage(t)
	publish(t, s.b, publication("a"))
	_, err := s.b.Broker.Admit(t.Context(), worker, []runtime.Admission{{Lease: s.take("a").Lease, Started: true}})
	if err != nil {
		t.Fatal(err)
	}
	s.pass(time.Minute)
	s.take("a")
	s.pass(time.Minute)
	if r := s.record("a"); r.Losses != 1 {
		t.Fatalf("%d losses; want the first alone", r.Losses)
	}
}

func TestReplayedTaskDoesNotExpireAgain(t *testing.T) {
	s := newStage(t)
	p := publication("a")
	p.ExpiresAt = s.now.Add(time.Minute)
	publish(t, s.b, p)
	s.now = s.now.Add(time.Hour)
	s.settle(s.take("a"), runtime.Dead)
	if _, err := s.b.DeadLetters.Replay(t.Context(), []runtime.Replay{{TaskID: "a"}}); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Second)
	if d := s.take("a"); d.Expired {
		t.Fatal("an operator's replay expires at once")
	}
}

// The newest of a debounced burst takes the place of the one it replaces, also
// where there is no other.
func TestReplacementFitsIntoAFullQueue(t *testing.T) {
	s := newStage(t)
	for _, id := range []string{"a", "b"} {
		p := publication(id)
		p.MaxDepth, p.Unique = 1, &runtime.Unique{Key: "k", Mode: runtime.UniqueReplace}
		if got := s.publish(p); got != runtime.Accepted {
			t.Fatalf("%s: %s; want accepted", id, got)
		}
	}
	s.take("b")
}

// A replay must not undo what a newer task under the key was published for.
func TestReplayDoesNotReplace(t *testing.T) {
	s := newStage(t)
	for _, id := range []string{"old", "new"} {
		p := publication(id)
		p.Unique = &runtime.Unique{Key: "k", Mode: runtime.UniqueReplace}
		publish(t, s.b, p)
		if id == "old" {
			s.settle(s.take("old"), runtime.Dead)
		}
	}
	rs, err := s.b.DeadLetters.Replay(t.Context(), []runtime.Replay{{TaskID: "old"}})
	if err != nil || rs[0].Status != runtime.Duplicate || rs[0].ID != "new" {
		t.Fatalf("%+v (%v); want the duplicate of new", rs, err)
	}
}

// The claim whose hold is over is swept later than the key is taken again, and
// must not take the new claim with it.
func TestSweptHoldLeavesTheNewClaim(t *testing.T) {
	s := newStage(t)
	held := func(id string) runtime.Publication {
		p := publication(id)
		p.Unique = &runtime.Unique{Key: "k", Hold: time.Minute}
		return p
	}
	publish(t, s.b, held("a"))
	s.settle(s.take("a"), runtime.Succeeded)
	s.now = s.now.Add(time.Hour)
	publish(t, s.b, held("b"))
	s.pass(0)
	if got := s.publish(held("c")); got != runtime.Duplicate {
		t.Fatalf("c: %s; want the duplicate of b", got)
	}
}

func TestTaskStaysInItsQueue(t *testing.T) {
	s := newStage(t)
	publish(t, s.b, publication("a"))
	d := s.take("a")
	next := d.Envelope.Clone()
	next.Queue = "other"
	rs, err := s.b.Broker.Settle(t.Context(), worker, []runtime.Settlement{{Lease: d.Lease, Outcome: runtime.Retried, Next: next}})
	if err != nil || rs[0].Status != runtime.Refused {
		t.Fatalf("settle: %+v (%v); want it refused", rs, err)
	}
	s.settle(d, runtime.Dead)
	ps, err := s.b.DeadLetters.Replay(t.Context(), []runtime.Replay{{TaskID: "a", Next: next}})
	if err != nil || ps[0].Status != runtime.Invalid {
		t.Fatalf("replay: %+v (%v); want it invalid", ps, err)
	}
}

// Revoked between the hand-out and the start: it has not begun, so it ends.
func TestRevokedTaskIsNotAdmitted(t *testing.T) {
	s := newStage(t)
	publish(t, s.b, publication("a"))
	d := s.take("a")
	if _, err := s.b.Broker.Cancel(t.Context(), []runtime.Revocation{{TaskID: "a"}}); err != nil {
		t.Fatal(err)
	}
	if v := s.admit(d, hourly); !v.Lost {
		t.Fatalf("%+v; want it lost", v)
	}
	if r := s.record("a"); r.Reason != runtime.ReasonRevoked {
		t.Fatalf("%s in %s; want it revoked", r.State, r.Place)
	}
}

// Nobody would hear that a callback found its queue full.
func TestCallbackIsPublishedIntoAFullQueue(t *testing.T) {
	s := newStage(t)
	done := publication("done")
	done.MaxDepth = 1
	m := publication("m")
	m.Group = "g"
	_, err := s.b.Broker.Publish(t.Context(), &runtime.Effects{
		Groups:  []runtime.Group{{ID: "g", Members: []string{"m"}, Done: &done}},
		Publish: []runtime.Publication{m, publication("other")},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.settle(s.take("m"), runtime.Succeeded)
	if r := s.record("done"); r.State != runtime.StateQueued {
		t.Fatalf("the callback is %q; want it queued", r.State)
	}
}

func TestShorterRenewalTakesNothingAway(t *testing.T) {
	s := newStage(t)
	publish(t, s.b, publication("a"))
	d := s.take("a") // for a minute
	d.Lease.Until = time.Time{}
	if _, err := s.b.Broker.Extend(t.Context(), worker, []runtime.Lease{d.Lease}, time.Second); err != nil {
		t.Fatal(err)
	}
	s.pass(59 * time.Second)
	if r := s.record("a"); r.Place != runtime.PlaceLeased {
		t.Fatalf("it is %s; want it leased for the minute it was given", r.Place)
	}
}

// The number 0 is the fence of no hand-out and the outcome of no settlement.
func TestZeroSettlementIsNoRepeat(t *testing.T) {
	s := newStage(t)
	publish(t, s.b, publication("a"))
	rs, err := s.b.Broker.Settle(t.Context(), worker, []runtime.Settlement{{Lease: runtime.Lease{TaskID: "a"}}})
	if err != nil || rs[0].Status != runtime.LeaseLost {
		t.Fatalf("%+v (%v); want the lease lost", rs, err)
	}
}

// Turns are spread evenly, not served in blocks.
func TestWeightedTurns(t *testing.T) {
	s := newStage(t)
	for i := range 30 {
		for _, q := range []string{"a", "b", "c"} {
			p := publication(fmt.Sprint(q, i))
			p.Envelope.Queue = q
			publish(t, s.b, p)
		}
	}
	r := waitFor(1, 0)
	r.Queues = []runtime.QueueShare{{Queue: "a", Weight: 5}, {Queue: "b", Weight: 1}, {Queue: "c", Weight: 1}}
	var got strings.Builder
	for range 14 {
		ds, err := s.b.Broker.Receive(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		got.WriteString(ds[0].Lease.Queue)
	}
	if want := "aabacaaaabacaa"; got.String() != want {
		t.Fatalf("served %s; want %s", got.String(), want)
	}
}

func TestDurableCursorDoesNotGoBack(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	sub := runtime.Subscription{Channels: []string{"c"}, Name: "n"}
	read := func() []runtime.Message {
		t.Helper()
		r, err := s.b.Bus.Subscribe(ctx, sub)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, id := range []string{"m1", "m2", "m3"} { // known ones are not sent again
			if err := s.b.Bus.Send(ctx, []runtime.Message{{ID: id, Channel: "c"}}); err != nil {
				t.Fatal(err)
			}
		}
		ms, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []int{1, 0} {
			if len(ms) == 3 {
				if err := r.Commit(ctx, ms[m]); err != nil {
					t.Fatal(err)
				}
			}
		}
		return ms
	}
	if ms := read(); len(ms) != 3 {
		t.Fatalf("%d messages; want 3", len(ms))
	}
	if ms := read(); len(ms) != 1 || ms[0].ID != "m3" {
		t.Fatalf("after a restart %d messages; want m3", len(ms))
	}
}
