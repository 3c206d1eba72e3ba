package drivertest

import (
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var directiveCases = []testCase{
	{"01_VersionsGrow", directiveVersions},
	{"02_SinceAVersion", directiveSince},
	{"03_NewestReplaces", directiveNewest},
	{"04_LiftedIsTold", directiveLifted},
	{"05_PruneRemovesWhatIsOver", directivePrune},
	{"06_RequestIsChecked", directiveInvalid},
	{"07_AcrossProcesses", directiveAcross},
	{"08_EverythingComesBack", directiveRoundTrip},
	{"09_PauseAndResumeAreAudited", directiveAudit},
	{"10_RecoverPrunes", directiveRecover},
}

func pause(q string) runtime.Directive {
	return runtime.Directive{Kind: runtime.DirectivePause, Subject: q, By: "ops", Reason: "deploy"}
}

func (e *env) order(ds ...runtime.Directive) []runtime.Directive {
	e.Helper()
	out, err := e.Directives.Put(e.ctx, ds)
	e.ok(err, "put directives")
	if len(out) != len(ds) {
		e.Fatalf("put %d directives, %d came back", len(ds), len(out))
	}
	return out
}

func (e *env) orders(version int64, want ...string) []runtime.Directive {
	e.Helper()
	ds, err := e.Directives.Since(e.ctx, version)
	e.ok(err, "directives since")
	var subjects []string
	for _, d := range ds {
		subjects = append(subjects, d.Subject)
	}
	e.wantIDs(subjects, want...)
	return ds
}

func directiveVersions(e *env) {
	last := int64(0)
	for _, q := range []string{"a", "b", "a", "c"} {
		d := e.order(pause(q))[0]
		if d.Version <= last {
			e.Fatalf("version %d after %d", d.Version, last)
		}
		last = d.Version
	}
	ds := e.order(pause("x"), pause("y"))
	if ds[0].Version <= last || ds[1].Version <= ds[0].Version {
		e.Fatalf("versions %d and %d after %d", ds[0].Version, ds[1].Version, last)
	}
}

func directiveSince(e *env) {
	e.orders(0)
	var versions []int64
	for _, q := range []string{"a", "b", "c"} {
		versions = append(versions, e.order(pause(q))[0].Version)
	}
	e.orders(0, "a", "b", "c")
	e.orders(versions[0], "b", "c")
	e.orders(versions[2])
}

func directiveNewest(e *env) {
	e.order(pause("a"))
	e.order(pause("b"))
	newer := pause("a")
	newer.Reason = "still"
	e.order(newer)
	ds := e.orders(0, "b", "a")
	if ds[1].Reason != "still" {
		e.Fatalf("directive %+v; want the newest", ds[1])
	}
}

func directiveLifted(e *env) {
	seen := e.order(pause("a"))[0].Version
	lift := pause("a")
	lift.Lifted = true
	e.order(lift)
	if ds := e.orders(seen, "a"); !ds[0].Lifted {
		e.Fatalf("directive %+v; want it lifted", ds[0])
	}
	e.order(pause("a"))
	if ds := e.orders(0, "a"); ds[0].Lifted {
		e.Fatalf("directive %+v; want it in force again", ds[0])
	}
}

func (e *env) prune(max, want int) {
	e.Helper()
	n, err := e.Directives.Prune(e.ctx, max)
	e.ok(err, "prune")
	if n != want {
		e.Fatalf("pruned %d; want %d", n, want)
	}
}

func directivePrune(e *env) {
	for i := range 3 {
		d := pause(fmt.Sprint("lifted", i))
		d.Lifted = true
		e.order(d)
	}
	short := pause("expired")
	short.Expires = e.after(time.Minute)
	e.order(short, pause("lasting"))
	e.clock.Advance(23 * time.Hour)
	e.prune(100, 0)
	e.clock.Advance(2 * time.Hour)
	e.prune(2, 2)
	e.prune(100, 2)
	e.clock.Advance(365 * 24 * time.Hour)
	e.prune(100, 0)
	e.orders(0, "lasting")
}

func directiveInvalid(e *env) {
	for why, d := range map[string]runtime.Directive{"no kind": {Subject: "a"}, "no subject": {Kind: runtime.DirectivePause}} {
		_, err := e.Directives.Put(e.ctx, []runtime.Directive{d})
		e.fails(err, runtime.ErrInvalid, "put a directive with "+why)
	}
}

func directiveAcross(e *env) {
	e.order(pause("a"))
	e.from(e.open()).orders(0, "a")
}

func directiveRoundTrip(e *env) {
	in := pause("mail")
	in.At, in.Expires = e.clock.Now(), e.after(time.Hour)
	out := e.order(in)[0]
	in.Version = out.Version
	for _, got := range []runtime.Directive{out, e.orders(0, "mail")[0]} {
		if fmt.Sprint(got) != fmt.Sprint(in) {
			e.Fatalf("directive %+v; want %+v", got, in)
		}
	}
}

func directiveAudit(e *env) {
	if e.Audits == nil {
		e.Skip("the store has no Audits port")
	}
	e.order(pause("mail"))
	lift := pause("mail")
	lift.Lifted, lift.By = true, "ann"
	e.order(lift)
	es := e.auditsOf("mail")
	if len(es) != 2 || es[0].Action != runtime.AuditResume || es[0].By != "ann" || es[1].Action != runtime.AuditPause || es[1].By != "ops" {
		e.Fatalf("audit %+v; want a pause by ops and a resume by ann, newest first", es)
	}
}

func directiveRecover(e *env) {
	lifted := pause("lifted")
	lifted.Lifted = true
	e.order(pause("holds"), lifted)
	e.pass(23 * time.Hour)
	e.orders(0, "holds", "lifted")
	e.pass(2 * time.Hour)
	e.orders(0, "holds")
}
