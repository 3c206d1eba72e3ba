package drivertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// side is one of the two stores of a property test, with what its workers have
// in hand: the two sides have the same tasks at the same index, each under its
// own lease.
type side struct {
	name  string
	ctx   context.Context
	clock *Clock
	opens []*runtime.Backend
	held  []inHand // as far as is known
	over  []inHand // handed back or lost
	err   error    // the first call that failed
}

type inHand struct {
	by runtime.Consumer
	runtime.Delivery
}

func newSide(t *testing.T, name string, make func(*testing.T, runtime.Clock) Store, clock *Clock) *side {
	store := make(t, clock.Now)
	s := &side{name: name, ctx: t.Context(), clock: clock}
	for range 2 {
		s.opens = append(s.opens, openStore(t, store))
	}
	return s
}

// on picks one of the openings: what one process does, the other sees.
func (s *side) on(o op) *runtime.Backend { return s.opens[o.f%len(s.opens)] }

// failed keeps the first error.
func (s *side) failed(doing string, err error) bool {
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("%s: %w", doing, err)
	}
	return err != nil
}

type opKind struct {
	name   string
	weight int
	run    func(s *side, o op) (what, answer string)
}

// opKinds are the operations and how often they come.
var opKinds []opKind

func init() {
	opKinds = []opKind{
		{"publish", 20, opPublish},
		{"group", 3, opGroup},
		{"receive", 22, opReceive},
		{"settle", 20, opSettle},
		{"admit", 12, opAdmit},
		{"extend", 4, opExtend},
		{"cancel", 5, opCancel},
		{"pass", 8, opPass},
		{"replay", 3, opReplay},
		{"purge", 1, opPurge},
		{"limit", 1, opLimit},
		{"progress", 1, opProgress},
	}
}

var (
	propertyQueues    = []string{"q0", "q1"}
	propertyConsumers = []runtime.Consumer{w1, w2, w1again}
	propertyUses      = []runtime.LimitUse{
		{Key: "slot0", Slots: 1}, {Key: "slot1", Slots: 2}, {Key: "rate0", Rate: 2, Per: time.Minute},
	}
	pauses = []time.Duration{
		0, time.Second, time.Second, 5 * time.Second, 5 * time.Second, 16 * time.Second, lease + time.Second, 2 * time.Minute, time.Hour,
	}
)

func pick[T any](from []T, n int) T { return from[n%len(from)] }

// one says yes once in n times.
func one(in, n int) bool { return n%in == 0 }

// callbackQueue is where the callbacks of groups go, and stay: when several
// groups are closed by one step, their order is the driver's own.
const callbackQueue = "callbacks"

const (
	propertyIDs   = 24
	groupSize     = 3 // tasks t00 to t02 may be in group g0, and so on
	propertyGroup = propertyIDs / groupSize
)

// publication makes a task of the numbers.
func (s *side) publication(a, b, c, d int) (runtime.Publication, string) {
	n := a % propertyIDs
	p := runtime.Publication{Envelope: &runtime.Envelope{
		ID: fmt.Sprintf("t%02d", n), Name: pick([]string{"add", "mul"}, b), Queue: pick(propertyQueues, b/2),
		EnqueuedAt: s.clock.Now(), Priority: b / 4 % 3, Args: fmt.Appendf(nil, `{"n":%d}`, c%100), MaxRetries: 3,
	}}
	what := []string{p.Envelope.ID, p.Envelope.Queue, fmt.Sprint("priority ", p.Envelope.Priority)}
	add := func(yes bool, word string, set func()) {
		if yes {
			set()
			what = append(what, word)
		}
	}
	add(one(4, c), "delayed", func() { p.NotBefore = s.clock.Now().Add(pick(pauses, c/4)) })
	add(one(6, c/8), "expiring", func() { p.ExpiresAt = s.clock.Now().Add(pick(pauses[1:], c/48)) })
	add(one(3, d), "unique", func() {
		p.Unique = &runtime.Unique{Key: fmt.Sprint("k", d/3%3)}
		add(one(3, d/9), "replacing", func() { p.Unique.Mode = runtime.UniqueReplace })
		add(one(4, d/27), "holding", func() { p.Unique.Hold = time.Minute })
	})
	add(one(8, d/108), "bounded", func() { p.MaxDepth = 3 })
	add(one(8, a/propertyIDs), "member", func() { p.Group = fmt.Sprint("g", n/groupSize) })
	return p, strings.Join(what, " ")
}

func opPublish(s *side, o op) (what, answer string) {
	x := &runtime.Effects{}
	var whats []string
	for i := range 1 + o.e%3 {
		p, w := s.publication(o.a+i*7, o.b+i*3, o.c+i*5, o.d+i*11)
		x.Publish, whats = append(x.Publish, p), append(whats, w)
	}
	rs, err := s.on(o).Broker.Publish(s.ctx, x)
	if s.failed("publish", err) {
		return "", ""
	}
	return strings.Join(whats, "; "), published(rs)
}

func published(rs []runtime.PublishResult) string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Status.String()+" "+r.ID)
	}
	return strings.Join(out, ", ")
}

func (s *side) group(o op) runtime.Group {
	n := o.a % propertyGroup
	g := runtime.Group{ID: fmt.Sprint("g", n), Keep: pick([]time.Duration{0, time.Minute}, o.b)}
	for i := range groupSize {
		g.Members = append(g.Members, fmt.Sprintf("t%02d", n*groupSize+i))
	}
	callback := func(id string) *runtime.Publication {
		return &runtime.Publication{Envelope: &runtime.Envelope{ID: g.ID + id, Name: "add", Queue: callbackQueue, EnqueuedAt: s.clock.Now()}}
	}
	g.Done, g.Failed = callback(".done"), callback(".failed")
	if one(3, o.c) {
		g.Deadline = s.clock.Now().Add(pick(pauses[1:], o.d))
	}
	return g
}

func opGroup(s *side, o op) (what, answer string) {
	g := s.group(o)
	x := &runtime.Effects{Groups: []runtime.Group{g}}
	for i, id := range g.Members {
		p, _ := s.publication(0, o.b+i, o.c*2+1, o.d*3+1)
		p.Envelope.ID, p.Group = id, g.ID
		x.Publish = append(x.Publish, p)
	}
	rs, err := s.on(o).Broker.Publish(s.ctx, x)
	if s.failed("open a group", err) {
		return "", ""
	}
	return fmt.Sprintf("%s deadline %v", g.ID, !g.Deadline.IsZero()), published(rs)
}

func opReceive(s *side, o op) (what, answer string) {
	c := pick(propertyConsumers, o.a)
	r := receiveFrom(c, 1+o.b%4, pick([][]string{{"q0", "q1"}, {"q1", "q0"}, {"q0"}, {"q1"}}, o.c)...)
	ds, err := s.on(o).Broker.Receive(s.ctx, r)
	if s.failed("receive", err) {
		return "", ""
	}
	if len(ds) > 0 {
		// Whether being given something renews what a worker has, the ports leave
		// open; here it does, on both sides.
		_, err := s.on(o).Broker.Extend(s.ctx, c, nil, lease)
		s.failed("extend", err)
	}
	var out []string
	for _, d := range ds {
		s.held = append(s.held, inHand{c, d})
		out = append(out, fmt.Sprintf("%s attempt %d delivery %d losses %d booked %v revoked %v until %s args %s",
			d.Lease.TaskID, d.Envelope.Attempt, d.Deliveries, d.Losses, d.Booked, d.Revoked != nil, clockTime(d.Lease.Until), d.Envelope.Args))
	}
	return fmt.Sprintf("%s at most %d of %v", c.Worker+"."+c.Incarnation, r.Max, r.Queues), strings.Join(out, "\n        ")
}

// anyHeld picks something that is in a worker's hands or, now and then,
// something that is not any more.
func (s *side) anyHeld(n int) (inHand, bool) {
	from := s.held
	if one(6, n) || len(from) == 0 {
		from = s.over
	}
	if len(from) == 0 {
		return inHand{}, false
	}
	return pick(from, n/6), true
}

// drop notes that a lease is over.
func (s *side) drop(l runtime.Lease) {
	for i, h := range s.held {
		if h.Lease.TaskID == l.TaskID && h.Lease.Fence == l.Fence {
			s.held = slices.Delete(s.held, i, i+1)
			s.over = append(s.over, h)
			return
		}
	}
}

func opSettle(s *side, o op) (what, answer string) {
	h, ok := s.anyHeld(o.a)
	if !ok {
		return "nothing", ""
	}
	st := s.settlement(h, o)
	rs, err := s.on(o).Broker.Settle(s.ctx, h.by, []runtime.Settlement{st})
	if s.failed("settle", err) {
		return "", ""
	}
	if st.Outcome != runtime.Acknowledged || rs[0].Status == runtime.LeaseLost {
		s.drop(h.Lease)
	}
	what = fmt.Sprintf("%s as %s by %s.%s keep %s at %s", h.Lease.TaskID, st.Outcome, h.by.Worker, h.by.Incarnation, st.Keep, clockTime(st.At))
	if st.Effects != nil {
		what += " leaving " + st.Effects.Publish[0].Envelope.ID
	}
	answer = settleName(rs[0].Status)
	if rs[0].Status == runtime.Settled {
		answer += " " + published(rs[0].Effects)
	}
	return what, answer
}

func (s *side) settlement(h inHand, o op) runtime.Settlement {
	kinds := append(slices.Repeat([]runtime.Outcome{runtime.Succeeded, runtime.Retried, runtime.Dead}, 3), outcomes...)
	st := settlementOf(h.Delivery, pick(kinds, o.b))
	if st.Outcome == runtime.Retried || st.Outcome == runtime.Released {
		if one(2, o.c) {
			st.At = s.clock.Now().Add(pick(pauses, o.c/2))
		}
	}
	if st.Next != nil && one(3, o.d) {
		st.Next.Priority = o.d / 3 % 3
	}
	st.Keep = pick([]time.Duration{0, 0, time.Minute, -1}, o.e)
	if st.Outcome != runtime.Acknowledged {
		st.Result = fmt.Appendf(nil, "result %d", o.d%1000)
	}
	if one(4, o.e/4) {
		p, _ := s.publication(o.c, o.d, o.b, o.a)
		st.Effects = &runtime.Effects{Publish: []runtime.Publication{p}}
	}
	return st
}

// opAdmit asks for up to four tasks that one worker has. What is booked is not
// asked for again.
func opAdmit(s *side, o op) (what, answer string) {
	first, ok := s.anyHeld(o.a)
	if !ok || first.Booked {
		return "nothing", ""
	}
	hs := []inHand{first}
	for _, h := range s.held {
		if h.by == first.by && !h.Booked && h.Lease.TaskID != first.Lease.TaskID && len(hs) < 4 {
			hs = append(hs, h)
		}
	}
	var as []runtime.Admission
	var whats, answers []string
	for i, h := range hs {
		a := runtime.Admission{Lease: h.Lease, Started: one(2, o.b+i), Uses: []runtime.LimitUse{pick(propertyUses, o.c)}}
		as = append(as, a)
		whats = append(whats, fmt.Sprintf("%s started %v uses %v", h.Lease.TaskID, a.Started, a.Uses))
	}
	vs, err := s.on(o).Broker.Admit(s.ctx, first.by, as)
	if s.failed("admit", err) {
		return "", ""
	}
	for i, v := range vs {
		if !v.Run {
			s.drop(hs[i].Lease)
		}
		answers = append(answers, fmt.Sprintf("run %v until %s key %q lost %v", v.Run, clockTime(v.Until), v.Key, v.Lost))
	}
	return strings.Join(whats, "; "), strings.Join(answers, "; ")
}

func opExtend(s *side, o op) (what, answer string) {
	c := pick(propertyConsumers, o.a)
	var held []runtime.Lease
	for _, h := range append(s.held[:len(s.held):len(s.held)], s.over[max(0, len(s.over)-3):]...) {
		if h.by == c {
			held = append(held, h.Lease)
		}
	}
	x, err := s.on(o).Broker.Extend(s.ctx, c, held, lease)
	if s.failed("extend", err) {
		return "", ""
	}
	for _, l := range x.Lost {
		s.drop(l)
	}
	var revoked []string
	for _, r := range x.Revoked {
		revoked = append(revoked, fmt.Sprint(r.TaskID, " ", r.Terminate))
	}
	return fmt.Sprintf("%s.%s", c.Worker, c.Incarnation), fmt.Sprintf("lost %v revoked %v", leaseIDs(x.Lost), sorted(revoked))
}

func opCancel(s *side, o op) (what, answer string) {
	r := runtime.Revocation{TaskID: fmt.Sprintf("t%02d", o.a%propertyIDs), Terminate: one(2, o.b), By: "ops", Reason: "wrong"}
	if one(3, o.c) {
		r.ExpiresAt = s.clock.Now().Add(pick(pauses, o.d))
	}
	rs, err := s.on(o).Broker.Cancel(s.ctx, []runtime.Revocation{r})
	if s.failed("cancel", err) {
		return "", ""
	}
	return fmt.Sprintf("%s terminate %v until %s", r.TaskID, r.Terminate, clockTime(r.ExpiresAt)), fmt.Sprintf("was %q ended %v", rs[0].Was, rs[0].Ended)
}

// opPass is time, which runOps lets go by, and the housekeeping that it asks
// for: what a store does without being asked is its own affair.
func opPass(s *side, o op) (what, answer string) {
	r := runtime.Recover{MaxLosses: 1 + o.d%3}
	if one(3, o.b) {
		r.Known, r.Queues = []string{pick([]string{"add", "mul"}, o.c)}, propertyQueues
	}
	for range 100 {
		done, err := s.on(o).Broker.Recover(s.ctx, r)
		if s.failed("recover", err) || !done.More {
			break
		}
	}
	return fmt.Sprintf("%s, knowing %v, %d losses are too many", pick(pauses, o.a), r.Known, r.MaxLosses), ""
}

func opReplay(s *side, o op) (what, answer string) {
	r := runtime.Replay{TaskID: s.someDead(o.a), By: "ops"}
	if one(3, o.b) {
		r.NotBefore = s.clock.Now().Add(pick(pauses, o.c))
	}
	rs, err := s.on(o).DeadLetters.Replay(s.ctx, []runtime.Replay{r})
	if s.failed("replay", err) {
		return "", ""
	}
	return r.TaskID, published(rs)
}

// someDead is a dead letter, if there is any.
func (s *side) someDead(n int) string {
	ls, _, err := s.opens[0].DeadLetters.List(s.ctx, runtime.DeadQuery{})
	if s.failed("list dead letters", err) || len(ls) == 0 {
		return fmt.Sprintf("t%02d", n%propertyIDs)
	}
	return pick(sorted(letterIDs(ls)), n)
}

func opPurge(s *side, o op) (what, answer string) {
	id := s.someDead(o.a)
	n, err := s.on(o).DeadLetters.Purge(s.ctx, []string{id}, "ops", "junk")
	if s.failed("purge", err) {
		return "", ""
	}
	return id, fmt.Sprint(n)
}

// opLimit overrides the number of a limit, or removes the override.
func opLimit(s *side, o op) (what, answer string) {
	u := pick(propertyUses, o.a)
	if u.Slots > 0 {
		u.Slots = o.b % 3
	} else {
		u.Rate = o.b % 3
	}
	s.failed("set a limit", s.on(o).Limits.Set(s.ctx, []runtime.LimitUse{u}))
	// What that frees is to be ready on both sides before they are compared.
	_, _ = opPass(s, op{b: 1, d: 2, f: o.f})
	return fmt.Sprintf("%s slots %d rate %d", u.Key, u.Slots, u.Rate), ""
}

func opProgress(s *side, o op) (what, answer string) {
	h, ok := s.anyHeld(o.a)
	if !ok {
		return "nothing", ""
	}
	lost, err := s.on(o).Results.Progress(s.ctx, h.by, []runtime.Progress{{Lease: h.Lease, Percent: float64(o.b % 100)}})
	if s.failed("progress", err) {
		return "", ""
	}
	return h.Lease.TaskID, fmt.Sprint(leaseIDs(lost))
}
