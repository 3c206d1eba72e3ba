package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Nothing may grow without bound: when all work has ended and all retention has
// passed, every index is empty. Random work finds the step that forgets one.
func TestNothingIsLeftBehind(t *testing.T) {
	for seed := range uint64(20) {
		c := newChurn(t, seed)
		for range 400 {
			c.step()
		}
		c.finish()
		c.wantEmpty()
	}
}

// churn does random work with a clock of its own.
type churn struct {
	*testing.T
	*rand.Rand
	b     *runtime.Backend
	st    *store
	now   time.Time
	made  int
	held  []runtime.Delivery
	locks []runtime.LockGrant
}

func newChurn(t *testing.T, seed uint64) *churn {
	c := &churn{T: t, Rand: rand.New(rand.NewPCG(seed, 9)), now: time.Unix(1_700_000_000, 0).UTC()}
	c.b, c.st = open(t, func() time.Time { return c.now })
	return c
}

func (c *churn) step() {
	switch c.IntN(9) {
	case 0, 1:
		c.publish()
	case 2:
		c.held = append(c.held, receive(c.T, c.b, 1+c.IntN(5))...)
	case 3:
		c.admit()
	case 4, 5:
		c.settle()
	case 6:
		_, err := c.b.Broker.Cancel(c.Context(), []runtime.Revocation{{
			TaskID: fmt.Sprint("t", c.IntN(c.made+10)), ExpiresAt: c.now.Add(time.Minute),
		}})
		c.ok(err)
	case 7:
		c.now = c.now.Add(time.Duration(c.IntN(40)) * time.Second)
		sweep(c.T, c.b)
	case 8:
		c.elsewhere()
	}
}

func (c *churn) ok(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *churn) publish() {
	e := &runtime.Effects{}
	group := ""
	first := c.made
	n := 1 + c.IntN(4)
	if c.IntN(3) == 0 {
		group = fmt.Sprint("g", first)
		g := runtime.Group{ID: group, Deadline: c.now.Add(time.Hour), Keep: time.Hour}
		for i := range n {
			g.Members = append(g.Members, fmt.Sprint("t", first+i))
		}
		done, failed := publication(group+".done"), publication(group+".failed")
		g.Done, g.Failed = &done, &failed
		e.Groups = append(e.Groups, g)
	}
	for range n {
		p := publication(fmt.Sprint("t", c.made))
		c.made++
		p.Group = group
		p.Envelope.Priority = c.IntN(10)
		if c.IntN(3) == 0 {
			p.NotBefore = c.now.Add(time.Duration(c.IntN(60)) * time.Second)
		}
		if c.IntN(4) == 0 {
			p.ExpiresAt = c.now.Add(time.Duration(c.IntN(120)) * time.Second)
		}
		if c.IntN(3) == 0 {
			p.Unique = &runtime.Unique{Key: fmt.Sprint("k", c.IntN(3)), Mode: runtime.UniqueMode(c.IntN(2)), Hold: time.Duration(c.IntN(2)) * time.Minute}
		}
		e.Publish = append(e.Publish, p)
	}
	_, err := c.b.Broker.Publish(c.Context(), e)
	c.ok(err)
}

func (c *churn) admit() {
	if len(c.held) == 0 {
		return
	}
	uses := []runtime.LimitUse{
		{Key: "a", Slots: 1 + c.IntN(2)}, {Key: "b", Slots: 2, Rate: 3, Per: time.Minute}, {Key: "c", Rate: 1 + c.IntN(5), Per: time.Minute},
	}
	c.Shuffle(len(uses), func(i, j int) { uses[i], uses[j] = uses[j], uses[i] })
	_, err := c.b.Broker.Admit(c.Context(), worker, []runtime.Admission{
		{Lease: c.held[c.IntN(len(c.held))].Lease, Uses: uses[:1+c.IntN(3)], Started: true},
	})
	c.ok(err)
}

func (c *churn) settle() {
	if len(c.held) == 0 {
		return
	}
	i := c.IntN(len(c.held))
	s := runtime.Settlement{
		Lease: c.held[i].Lease, Outcome: runtime.Succeeded + runtime.Outcome(c.IntN(7)),
		At: c.now.Add(time.Duration(c.IntN(30)) * time.Second), Keep: time.Duration(c.IntN(3)-1) * time.Minute,
	}
	if s.Outcome == runtime.Parked {
		s.Reason = runtime.ReasonUnknown
	}
	_, err := c.b.Broker.Settle(c.Context(), worker, []runtime.Settlement{s})
	c.ok(err)
	if s.Outcome != runtime.Acknowledged {
		c.held = append(c.held[:i], c.held[i+1:]...)
	}
}

// elsewhere uses what is not the broker.
func (c *churn) elsewhere() {
	ctx := c.Context()
	switch c.IntN(6) {
	case 0:
		if g, err := c.b.Locks.Acquire(ctx, fmt.Sprint("l", c.IntN(5)), "o", time.Minute); err == nil {
			c.locks = append(c.locks, g)
		} else if len(c.locks) > 0 {
			_, _ = c.b.Locks.Renew(ctx, c.locks[c.IntN(len(c.locks))], time.Minute) // it may be over
		}
	case 1:
		c.ok(c.b.Bus.Send(ctx, []runtime.Message{{ID: fmt.Sprint("m", c.made), Channel: fmt.Sprint("c", c.IntN(3)), Expires: c.now.Add(time.Minute)}}))
		c.ok(c.b.Bus.Send(ctx, []runtime.Message{{ID: fmt.Sprint("lasting", c.made), Channel: fmt.Sprint("c", c.IntN(3))}}))
	case 2:
		c.ok(c.b.Heartbeats.Beat(ctx, runtime.Heartbeat{WorkerID: fmt.Sprint("w", c.IntN(3))}, time.Minute))
	case 4:
		sub, err := c.b.Bus.Subscribe(ctx, runtime.Subscription{Channels: []string{"c0"}, Name: fmt.Sprint("reader", c.IntN(5))})
		c.ok(err)
		c.ok(sub.Commit(ctx, runtime.Message{Channel: "c0", Position: position(uint64(c.made))}))
		c.ok(sub.Close())
	case 5:
		_, err := c.b.Directives.Put(ctx, []runtime.Directive{{
			Kind: runtime.DirectivePause, Subject: fmt.Sprint("q", c.IntN(3)), Expires: c.now.Add(time.Minute), Lifted: c.IntN(2) == 0,
		}})
		c.ok(err)
	case 3:
		ls, _, err := c.b.DeadLetters.List(ctx, runtime.DeadQuery{Limit: 3})
		c.ok(err)
		for _, l := range ls {
			_, err := c.b.DeadLetters.Replay(ctx, []runtime.Replay{{TaskID: l.Task.ID}})
			c.ok(err)
		}
	}
}

// finish ends all work, the callbacks of groups too, and lets time pass.
func (c *churn) finish() {
	for range 100 {
		c.now = c.now.Add(24 * time.Hour)
		sweep(c.T, c.b)
		for _, d := range receive(c.T, c.b, 1000) {
			settle(c.T, c.b, runtime.Settlement{Lease: d.Lease, Outcome: runtime.Dead})
		}
		ls, _, err := c.b.DeadLetters.List(c.Context(), runtime.DeadQuery{Limit: 1000})
		c.ok(err)
		for _, l := range ls {
			_, err := c.b.DeadLetters.Purge(c.Context(), []string{l.Task.ID}, "", "")
			c.ok(err)
		}
	}
	_, err := c.b.Heartbeats.List(c.Context())
	c.ok(err)
}

func (c *churn) wantEmpty() {
	c.Helper()
	st := c.st
	left := map[string]int{
		"known": len(st.known), "holders": len(st.holders), "parked": len(st.parked),
		"due": st.due.len(), "leases": st.leases.len(), "expiries": st.expiries.len(), "keeps": st.keeps.len(),
		"groups": len(st.groups), "deadlines": st.deadlines.len(), "groupKeeps": st.groupKeeps.len(),
		"claims": len(st.claims), "holds": st.holds.len(),
		"orders": len(st.orders), "orderExpiry": st.orderExpiry.len(),
		"limits": len(st.limits), "rates": st.rates.len(), "watches": len(st.watches), "beats": len(st.beats),
		"held": len(st.held), "lockExpiry": st.lockExpiry.len(),
		"channels": len(st.channels), "messageKeeps": st.messageKeeps.len(),
		"cursors": len(st.cursors), "cursorKeeps": st.cursorKeeps.len(), "acts": stands(&st.acts), "actKeeps": st.actKeeps.len(),
		"directives": len(st.inForce),
		"listed":     stands(&st.listed), "dead": stands(&st.dead), "ended": stands(&st.ended),
	}
	for what, n := range left {
		if n != 0 {
			c.Errorf("%d are left in %s", n, what)
		}
	}
	for name, q := range st.queues {
		if n := q.depth() + q.stat.Parked + q.stat.Dead; n != 0 || len(q.waiting) != 0 {
			c.Errorf("queue %s still counts %d", name, n)
		}
		if s := q.stat; s.Enqueued != s.Succeeded+s.Failed+s.Cancelled {
			c.Errorf("queue %s: %d came, %d + %d + %d went", name, s.Enqueued, s.Succeeded, s.Failed, s.Cancelled)
		}
	}
}

func stands[T any](s *shelf[T]) int {
	n := 0
	s.upwards(fromOldest, func(uint64, T) bool { n++; return true })
	return n
}
