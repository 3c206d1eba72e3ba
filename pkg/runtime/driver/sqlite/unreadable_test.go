package sqlite

import (
	"slices"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// damage changes what is stored as another version, or a broken disk, might.
func damage(t *testing.T, st *store, query string, args ...any) {
	t.Helper()
	err := st.write(t.Context(), "damage", func(s *step) error {
		n, err := s.exec(query, args...)
		if n == 0 && err == nil {
			t.Errorf("%s changed nothing", query)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var testWorker = runtime.Consumer{Worker: "w", Incarnation: "1"}

func takeAll(t *testing.T, st *store) []runtime.Delivery {
	t.Helper()
	ds, err := broker{st}.Receive(t.Context(), runtime.Receive{
		Consumer: testWorker, Queues: []runtime.QueueShare{{Queue: "default"}}, Max: 100, Lease: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func succeed(t *testing.T, st *store, ds ...runtime.Delivery) {
	t.Helper()
	ss := make([]runtime.Settlement, len(ds))
	for i, d := range ds {
		ss[i] = runtime.Settlement{Lease: d.Lease, Outcome: runtime.Succeeded}
	}
	rs, err := broker{st}.Settle(t.Context(), testWorker, ss)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rs {
		if r.Status != runtime.Settled {
			t.Errorf("settle %s: %+v", ds[i].Lease.TaskID, r)
		}
	}
}

func deliveredIDs(ds []runtime.Delivery) []string {
	var ids []string
	for _, d := range ds {
		ids = append(ids, d.Lease.TaskID)
	}
	return ids
}

// groupOf publishes a group with one member, m, and a plain task beside it.
func groupOf(t *testing.T, st *store, deadline time.Time) {
	t.Helper()
	e := inQueue("m", "plain")
	e.Publish[0].Group = "g"
	done := inQueue("callback").Publish[0]
	e.Groups = []runtime.Group{{ID: "g", Members: []string{"m"}, Done: &done, Failed: &done, Deadline: deadline}}
	if _, err := (broker{st}).Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// A rolling upgrade: the group was opened by a newer version, and an older one
// settles its last member. It need not understand the callback to publish it.
func TestCallbackOfANewerVersionIsPublished(t *testing.T) {
	st := openInside(t, newURL(t))
	groupOf(t, st, time.Time{})
	damage(t, st, `UPDATE stem_groups SET done = replace(done, '"v":1', '"v":9')`)
	succeed(t, st, takeAll(t, st)...)
	ds := takeAll(t, st)
	if !slices.Equal(deliveredIDs(ds), []string{"callback"}) || ds[0].Err == nil || len(ds[0].Raw) == 0 {
		t.Fatalf("after the group: %+v; want the callback as it was stored", ds)
	}
}

// What cannot be read at all must not keep its member, or those that are settled
// or recovered with it, from ending; and somebody has to be able to find out.
func TestUnreadableCallbackSpoilsNothing(t *testing.T) {
	for name, closeIt := range map[string]func(st *store){
		"settle":  func(st *store) { succeed(t, st, takeAll(t, st)...) },
		"recover": func(st *store) { recoverAll(t, st) },
	} {
		st := openInside(t, newURL(t))
		groupOf(t, st, time.Now())
		damage(t, st, `UPDATE stem_groups SET done = '{', failing = '[]'`)
		closeIt(st)
		g, err := results{st}.Group(t.Context(), "g", 0, 1)
		if err != nil || !g.Closed {
			t.Errorf("%s: the group is not closed: %+v, %v", name, g, err)
		}
		as, _, err := audits{st}.List(t.Context(), runtime.AuditQuery{Action: runtime.AuditUnreadable, Subject: "g"})
		if err != nil || len(as) != 1 {
			t.Errorf("%s: %d entries in the audit, %v; want one", name, len(as), err)
		}
	}
}

func recoverAll(t *testing.T, st *store) {
	t.Helper()
	for range 100 {
		r, err := broker{st}.Recover(t.Context(), runtime.Recover{})
		if err != nil {
			t.Fatal(err)
		}
		if !r.More {
			return
		}
	}
	t.Fatal("recover has always more to do")
}

// Whoever frees a slot serves those who wait for it.
func TestUnreadableLimitsSpoilNothing(t *testing.T) {
	st := openInside(t, newURL(t))
	if _, err := (broker{st}).Publish(t.Context(), inQueue("a", "bad", "c")); err != nil {
		t.Fatal(err)
	}
	ds := takeAll(t, st)
	admitOne(t, st, ds...)
	damage(t, st, `UPDATE stem_details SET uses = '{' WHERE seq = (SELECT seq FROM stem_tasks WHERE id = 'bad')`)
	succeed(t, st, ds[0])
	back := takeAll(t, st)
	if !slices.Equal(deliveredIDs(back), []string{"bad", "c"}) {
		t.Fatalf("in the line are %v; want bad, to be asked again, and c with the slot", deliveredIDs(back))
	}
	damage(t, st, `UPDATE stem_limits SET declared = 'x'`)
	if vs := admitOne(t, st, back...); vs[0].Run || !vs[1].Run {
		t.Errorf("verdicts %+v; want c to have the slot", vs)
	}
	if ls, err := (limits{st}).View(t.Context(), ""); err != nil || len(ls) != 1 {
		t.Errorf("limits %+v, %v", ls, err)
	}
}

// admitOne asks for the only slot of a limit.
func admitOne(t *testing.T, st *store, ds ...runtime.Delivery) []runtime.Verdict {
	t.Helper()
	as := make([]runtime.Admission, len(ds))
	for i, d := range ds {
		as[i] = runtime.Admission{Lease: d.Lease, Uses: []runtime.LimitUse{{Key: "task:demo.add", Slots: 1}}}
	}
	vs, err := broker{st}.Admit(t.Context(), testWorker, as)
	if err != nil {
		t.Fatal(err)
	}
	return vs
}

func TestUnreadableHeartbeatHidesNobody(t *testing.T) {
	st := openInside(t, newURL(t))
	for _, id := range []string{"a", "b"} {
		if err := (heartbeats{st}).Beat(t.Context(), runtime.Heartbeat{WorkerID: id, Incarnation: "1"}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	damage(t, st, `UPDATE stem_heartbeats SET body = '{' WHERE worker = 'a'`)
	hs, err := heartbeats{st}.List(t.Context())
	if err != nil || len(hs) != 2 || hs[0].WorkerID != "a" || hs[0].Incarnation != "1" {
		t.Errorf("workers %+v, %v", hs, err)
	}
}
