package drivertest

import (
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
