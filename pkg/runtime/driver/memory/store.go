package memory

import (
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// store is everything there is. One mutex makes each call one step; nothing
// below a port's method locks, and now is the time of the call in progress.
//
// A task lives in exactly one place (place.go); the agendas say when something
// is to happen without being asked (recover.go).
type store struct {
	mu    sync.Mutex
	clock runtime.Clock
	now   time.Time

	seq   uint64 // of tasks as they become known, of their ends and of acts
	fence uint64 // of hand-outs

	known   map[string]*entry // every task, by id
	queues  map[string]*queue
	holders map[runtime.Consumer]*holder
	parked  map[parkKey]*list

	due      *agenda[*task]  // delayed, by DueAt
	leases   *agenda[*task]  // leased, by the end of the lease
	expiries *agenda[*task]  // waiting for the first hand-out, by ExpiresAt
	keeps    *agenda[*entry] // done, by KeepUntil

	listed shelf[*task]  // unfinished tasks and dead letters, by seq
	dead   shelf[*task]  // dead letters, by death
	ended  shelf[*entry] // the dead and the done, by end

	groups     map[string]*group
	deadlines  *agenda[*group] // open groups that have one
	groupKeeps *agenda[*group] // closed groups, by the time they go

	claims map[string]*claim // unique keys
	holds  *agenda[*claim]   // claims whose owner has ended

	orders      map[string]*order // revocations of tasks that are not known yet
	orderExpiry *agenda[*order]

	limits  map[string]*limit
	rates   *agenda[*limit] // limits with a rate in use, by the time it is forgotten
	watches map[string]map[*watch]bool
	beats   map[string]beat
	acts    shelf[*act]

	actKeeps *agenda[*act] // by the time they go

	held       map[string]*lock
	lockExpiry *agenda[*lock]
	lockFence  uint64

	inForce map[directiveKey]runtime.Directive
	version int64

	channels     map[string]*channel
	cursors      map[cursorKey]*cursor
	cursorKeeps  *agenda[*cursor]
	messageKeeps *agenda[*message]
	position     uint64
}

func newStore(clock runtime.Clock) *store {
	timer := func(t *task) *int { return &t.timer }
	return &store{
		clock:   clock,
		known:   map[string]*entry{},
		queues:  map[string]*queue{},
		holders: map[runtime.Consumer]*holder{},
		parked:  map[parkKey]*list{},

		due:      newAgenda(func(t *task) time.Time { return t.DueAt }, timer),
		leases:   newAgenda(func(t *task) time.Time { return t.leaseUntil }, timer),
		keeps:    newAgenda(func(e *entry) time.Time { return e.keepUntil }, func(e *entry) *int { return &e.timer }),
		expiries: newAgenda(func(t *task) time.Time { return t.ExpiresAt }, func(t *task) *int { return &t.expiry }),

		groups:     map[string]*group{},
		deadlines:  newAgenda(func(g *group) time.Time { return g.deadline }, groupTimer),
		groupKeeps: newAgenda(func(g *group) time.Time { return g.keepUntil }, groupTimer),

		claims: map[string]*claim{},
		holds:  newAgenda(func(c *claim) time.Time { return c.until }, func(c *claim) *int { return &c.timer }),

		orders:      map[string]*order{},
		orderExpiry: newAgenda(func(o *order) time.Time { return o.ExpiresAt }, func(o *order) *int { return &o.timer }),

		limits:  map[string]*limit{},
		rates:   newAgenda(func(l *limit) time.Time { return l.tat }, func(l *limit) *int { return &l.timer }),
		watches: map[string]map[*watch]bool{},
		beats:   map[string]beat{},

		actKeeps: newAgenda(func(a *act) time.Time { return a.At.Add(runtime.KeepAudits) }, func(a *act) *int { return &a.timer }),

		held:       map[string]*lock{},
		lockExpiry: newAgenda(func(l *lock) time.Time { return l.Until }, func(l *lock) *int { return &l.timer }),

		inForce: map[directiveKey]runtime.Directive{},

		channels:     map[string]*channel{},
		cursors:      map[cursorKey]*cursor{},
		cursorKeeps:  newAgenda(func(c *cursor) time.Time { return c.used.Add(runtime.KeepCursors) }, func(c *cursor) *int { return &c.timer }),
		messageKeeps: newAgenda(func(m *message) time.Time { return m.keepUntil }, func(m *message) *int { return &m.timer }),
	}
}

func groupTimer(g *group) *int { return &g.timer }
