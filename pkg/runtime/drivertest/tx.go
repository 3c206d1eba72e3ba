package drivertest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var txCases = []testCase{
	{"01_TasksExistWhenItCommits", txCommit},
	{"02_NothingExistsWhenItRollsBack", txRollback},
	{"03_AnswersLikePublish", txAnswers},
	{"04_RefusesOtherValues", txUnsupported},
	{"05_WakeWakes", txWake},
	{"06_WithoutAWakeItIsFound", txNoWake},
	{"07_RolledBackKeyIsFree", txUnique},
	{"08_DelayedAndGrouped", txDelayed},
	{"09_SeveralInOneTransaction", txSeveral},
	{"10_ErrorHalfwayLeavesNothing", txHalfway},
}

// begin opens a transaction of the caller, or skips the case.
func (e *env) begin() Tx {
	e.Helper()
	s, ok := e.store.(Transactor)
	if !ok {
		e.Skip("the harness's Store is no Transactor: it opens no transactions of the caller")
	}
	return s.Begin(e.T)
}

func (e *env) publishTx(tx Tx, ps ...runtime.Publication) []runtime.PublishResult {
	e.Helper()
	rs, err := e.Tx.PublishTx(e.ctx, tx.Value, &runtime.Effects{Publish: ps})
	e.ok(err, "publish in a transaction")
	if len(rs) != len(ps) {
		e.Fatalf("%d results for %d publications", len(rs), len(ps))
	}
	return rs
}

func txCommit(e *env) {
	tx := e.begin()
	e.wantPublished(e.publishTx(tx, e.task("a"))[0], runtime.Accepted, "a")
	e.unknown("a")
	e.takeNone()
	e.ok(tx.Commit(), "commit")
	e.takeOne("a")
}

func txRollback(e *env) {
	tx := e.begin()
	e.publishTx(tx, e.task("a"))
	e.ok(tx.Rollback(), "roll back")
	e.unknown("a")
	e.takeNone()
	e.acceptPlain("a")
}

func txAnswers(e *env) {
	e.accept(e.task("known"), e.task("owner", unique("k")))
	tx := e.begin()
	rs := e.publishTx(tx, e.task("known"), e.task("b", unique("k")), e.task("bad", priority(10)), e.task("full", depth(2)), e.task("a"))
	e.ok(tx.Commit(), "commit")
	e.wantPublished(rs[0], runtime.Exists, "known")
	e.wantPublished(rs[1], runtime.Duplicate, "owner")
	e.wantInvalid(rs[2])
	if rs[3].Status != runtime.Full {
		e.Fatalf("over the depth: %s; want full", rs[3].Status)
	}
	e.wantPublished(rs[4], runtime.Accepted, "a")
	e.take("known", "owner", "a")
}

func txUnsupported(e *env) {
	for _, tx := range []any{nil, "a string", 42, struct{}{}} {
		_, err := e.Tx.PublishTx(e.ctx, tx, &runtime.Effects{Publish: e.tasks("a")})
		e.fails(err, runtime.ErrUnsupported, "publish in something that is no transaction")
	}
	e.unknown("a")
}

func txWake(e *env) {
	out := e.waiting(e.ctx, e.open(), w1)
	asleep()
	tx := e.begin()
	e.publishTx(tx, e.task("a"))
	e.ok(tx.Commit(), "commit")
	e.ok(e.Tx.Wake(e.ctx, []string{queue}), "wake")
	e.woken(out, "a")
}

func txNoWake(e *env) {
	out := e.waiting(e.ctx, e.open(), w1)
	asleep()
	tx := e.begin()
	e.publishTx(tx, e.task("a"))
	e.ok(tx.Commit(), "commit")
	e.woken(out, "a")
}

func txUnique(e *env) {
	tx := e.begin()
	e.wantPublished(e.publishTx(tx, e.task("a", unique("k")))[0], runtime.Accepted, "a")
	e.wantPublished(e.publishTx(tx, e.task("b", unique("k")))[0], runtime.Duplicate, "a")
	e.ok(tx.Rollback(), "roll back")
	e.accept(e.task("b", unique("k")))
}

func txDelayed(e *env) {
	tx := e.begin()
	rs, err := e.Tx.PublishTx(e.ctx, tx.Value, &runtime.Effects{
		Groups:  []runtime.Group{e.newGroup("g", "a")},
		Publish: []runtime.Publication{e.task("a", member("g"), due(e.after(time.Minute)))},
	})
	e.ok(err, "publish in a transaction")
	e.wantPublished(rs[0], runtime.Accepted, "a")
	e.ok(tx.Commit(), "commit")
	e.is("a", runtime.StateQueued, runtime.PlaceDelayed)
	e.pass(time.Minute)
	e.end(runtime.Succeeded, e.takeOne("a"))
	e.called("g.done")
}

func txSeveral(e *env) {
	tx := e.begin()
	ids := numbered("t", 20)
	for _, id := range ids {
		e.wantPublished(e.publishTx(tx, e.task(id))[0], runtime.Accepted, id)
	}
	e.wantPublished(e.publishTx(tx, e.task(ids[0]))[0], runtime.Exists, ids[0])
	e.ok(tx.Commit(), "commit")
	e.take(ids...)
}

// The context ends at every point of the call in turn: what the call had done
// until then is gone, and the caller's own part of the transaction is not.
func txHalfway(e *env) {
	for looks := 1; looks < 1000; looks++ {
		tx := e.begin()
		before := fmt.Sprint("before", looks)
		e.publishTx(tx, e.task(before))
		g := fmt.Sprint("g", looks)
		ids := numbered(fmt.Sprint("t", looks, "-"), 3)
		ctx, cancel := endsAfter(e.ctx, looks)
		_, err := e.Tx.PublishTx(ctx, tx.Value, &runtime.Effects{
			Groups:  []runtime.Group{e.newGroup(g, ids...)},
			Publish: []runtime.Publication{e.task(ids[0]), e.task(ids[1], member(g), unique(g)), e.task(ids[2], due(e.after(time.Hour)))},
		})
		cancel()
		committed := tx.Commit() == nil
		if committed {
			e.is(before, runtime.StateQueued, runtime.PlaceReady)
		}
		if err == nil {
			e.is(ids[2], runtime.StateQueued, runtime.PlaceDelayed)
			return
		}
		for _, id := range ids {
			e.unknown(id)
		}
		if _, err := e.Results.Group(e.ctx, g, 0, 1); runtime.CodeOf(err) != runtime.CodeNotFound {
			e.Fatalf("the group of a call that failed with its context: %v; want it not found", err)
		}
	}
	e.Fatal("the call does not come to its end")
}

// endsAfter returns a context that ends when it is looked at for the nth time.
func endsAfter(parent context.Context, looks int) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	s := &shortLived{Context: ctx, end: cancel}
	s.looks.Store(int64(looks))
	return s, cancel
}

type shortLived struct {
	context.Context
	end   context.CancelFunc
	looks atomic.Int64
}

func (c *shortLived) look() {
	if c.looks.Add(-1) == 0 {
		c.end()
	}
}

func (c *shortLived) Err() error {
	c.look()
	return c.Context.Err()
}

func (c *shortLived) Done() <-chan struct{} {
	c.look()
	return c.Context.Done()
}
