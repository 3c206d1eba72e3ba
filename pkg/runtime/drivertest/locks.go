package drivertest

import (
	"strings"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var lockCases = []testCase{
	{"01_OneHolder", lockOne},
	{"02_NotReEntrant", lockReentrant},
	{"03_FenceGrowsWithEachHolder", lockFence},
	{"04_EndsWithItsTime", lockExpires},
	{"05_RenewExtends", lockRenew},
	{"06_RenewAfterTheEnd", lockRenewLate},
	{"07_ReleaseFrees", lockRelease},
	{"08_OnlyTheHolderReleases", lockReleaseForeign},
	{"09_ListLiveOnesByPrefix", lockList},
	{"10_BreakFreesAndIsAudited", lockBreak},
	{"11_BreakOfNothing", lockBreakNothing},
	{"12_RequestIsChecked", lockInvalid},
	{"13_OneHolderAcrossProcesses", lockConcurrent},
	{"14_KeysAreIndependent", lockKeys},
}

func (e *env) acquire(key, owner string) runtime.LockGrant {
	e.Helper()
	g, err := e.Locks.Acquire(e.ctx, key, owner, time.Minute)
	e.ok(err, "acquire "+key+" for "+owner)
	return g
}

func (e *env) taken(key, owner string) error {
	e.Helper()
	_, err := e.Locks.Acquire(e.ctx, key, owner, time.Minute)
	e.fails(err, runtime.ErrExists, "acquire "+key+" for "+owner)
	return err
}

func lockOne(e *env) {
	g := e.acquire("k", "ann")
	if g.Key != "k" || g.Owner != "ann" || g.Fence == 0 || !g.Until.Equal(e.after(time.Minute)) {
		e.Fatalf("grant %+v", g)
	}
	if err := e.taken("k", "bob"); !strings.Contains(err.Error(), "ann") {
		e.Fatalf("error %q does not name the holder", err)
	}
	e.from(e.open()).taken("k", "bob")
}

func lockReentrant(e *env) {
	e.acquire("k", "ann")
	e.taken("k", "ann")
}

func lockFence(e *env) {
	var last uint64
	for i := range 5 {
		g := e.acquire("k", "ann")
		if g.Fence <= last {
			e.Fatalf("fence %d after %d", g.Fence, last)
		}
		last = g.Fence
		if i%2 == 0 {
			e.ok(e.Locks.Release(e.ctx, g), "release")
		} else {
			e.clock.Advance(2 * time.Minute)
		}
	}
}

func lockExpires(e *env) {
	e.acquire("k", "ann")
	e.clock.Advance(59 * time.Second)
	e.taken("k", "bob")
	e.clock.Advance(time.Second)
	e.acquire("k", "bob")
}

func lockRenew(e *env) {
	g := e.acquire("k", "ann")
	for range 5 {
		e.clock.Advance(50 * time.Second)
		next, err := e.Locks.Renew(e.ctx, g, time.Minute)
		e.ok(err, "renew")
		if next.Fence != g.Fence || !next.Until.Equal(e.after(time.Minute)) {
			e.Fatalf("renewed %+v; want the same fence, a minute from now", next)
		}
		g = next
		e.taken("k", "bob")
	}
}

func lockRenewLate(e *env) {
	g := e.acquire("k", "ann")
	e.clock.Advance(2 * time.Minute)
	_, err := e.Locks.Renew(e.ctx, g, time.Minute)
	e.fails(err, runtime.ErrLeaseLost, "renew after the end")
	e.acquire("k", "ann")
	_, err = e.Locks.Renew(e.ctx, g, time.Minute)
	e.fails(err, runtime.ErrLeaseLost, "renew an older grant of the same owner")
}

func lockRelease(e *env) {
	g := e.acquire("k", "ann")
	e.ok(e.Locks.Release(e.ctx, g), "release")
	e.fails(e.Locks.Release(e.ctx, g), runtime.ErrLeaseLost, "release again")
	e.acquire("k", "bob")
}

func lockReleaseForeign(e *env) {
	old := e.acquire("k", "ann")
	e.clock.Advance(2 * time.Minute)
	e.acquire("k", "bob")
	e.fails(e.Locks.Release(e.ctx, old), runtime.ErrLeaseLost, "release what another holds")
	e.taken("k", "cid")
}

func (e *env) locks(prefix string, want ...string) []runtime.LockGrant {
	e.Helper()
	gs, err := e.Locks.List(e.ctx, prefix)
	e.ok(err, "list locks")
	var keys []string
	for _, g := range gs {
		keys = append(keys, g.Key)
	}
	e.wantIDs(keys, want...)
	return gs
}

func lockList(e *env) {
	for _, key := range []string{"b:2", "a_x", "b:1", "axx"} {
		e.acquire(key, "ann")
	}
	gone := e.acquire("b:3", "bob")
	e.ok(e.Locks.Release(e.ctx, gone), "release")
	gs := e.locks("", "a_x", "axx", "b:1", "b:2")
	if gs[0].Owner != "ann" || gs[0].Fence == 0 {
		e.Fatalf("grant %+v; want its owner and fence", gs[0])
	}
	e.locks("b:", "b:1", "b:2")
	e.locks("a_", "a_x")
	e.locks("c")
	e.clock.Advance(2 * time.Minute)
	e.locks("")
}

func lockBreak(e *env) {
	g := e.acquire("k", "ann")
	e.ok(e.Locks.Break(e.ctx, "k", "ops", "stuck"), "break")
	_, err := e.Locks.Renew(e.ctx, g, time.Minute)
	e.fails(err, runtime.ErrLeaseLost, "renew a broken lock")
	e.acquire("k", "bob")
	if e.Audits == nil {
		return
	}
	es := e.auditsOf("k")
	if len(es) != 1 || es[0].Action != runtime.AuditBreak || es[0].By != "ops" || es[0].Reason != "stuck" {
		e.Fatalf("audit %+v; want one break by ops", es)
	}
}

func lockBreakNothing(e *env) {
	e.fails(e.Locks.Break(e.ctx, "k", "ops", ""), runtime.ErrNotFound, "break what nobody holds")
	e.acquire("k", "ann")
	e.clock.Advance(2 * time.Minute)
	e.fails(e.Locks.Break(e.ctx, "k", "ops", ""), runtime.ErrNotFound, "break what is over")
}

func lockInvalid(e *env) {
	for why, c := range map[string]struct {
		key, owner string
		ttl        time.Duration
	}{"no key": {"", "ann", time.Minute}, "no owner": {"k", "", time.Minute}, "no time": {"k", "ann", 0}} {
		_, err := e.Locks.Acquire(e.ctx, c.key, c.owner, c.ttl)
		e.fails(err, runtime.ErrInvalid, "acquire with "+why)
	}
}

func lockConcurrent(e *env) {
	const n = 8
	got := make(chan runtime.LockGrant, n)
	var wg sync.WaitGroup
	for i := range n {
		b := e.open()
		wg.Go(func() {
			g, err := b.Locks.Acquire(e.ctx, "k", string(rune('a'+i)), time.Minute)
			switch runtime.CodeOf(err) {
			case "":
				got <- g
			case runtime.CodeExists:
			default:
				e.Errorf("acquire: %v", err)
			}
		})
	}
	wg.Wait()
	if len(got) != 1 {
		e.Fatalf("%d holders of one lock", len(got))
	}
}

func lockKeys(e *env) {
	a, b := e.acquire("a", "ann"), e.acquire("b", "ann")
	e.ok(e.Locks.Release(e.ctx, a), "release")
	_, err := e.Locks.Renew(e.ctx, b, time.Minute)
	e.ok(err, "renew")
}
