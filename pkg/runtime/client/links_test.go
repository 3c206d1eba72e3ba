package client_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

func links(t *testing.T, e *runtime.Envelope, key string, now time.Time) []runtime.Publication {
	t.Helper()
	ps, err := client.Links(e, key, now)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

func TestLinks(t *testing.T) {
	ctx, _ := busyParent(t)
	c := preparer(client.Options{MaxQueueDepth: map[string]int{"audit": 5}})
	p := prepareIn(t, ctx, c, runtime.Request{
		ID: "a", Name: "a",
		Link: []runtime.Request{
			{Name: "b", Args: json.RawMessage(`{"n":1}`), Link: []runtime.Request{{Name: "c"}}},
			{Name: "d", Options: runtime.TaskOptions{Queue: new("audit"), Unique: &runtime.UniqueOptions{Key: "k"}}},
		},
		LinkError: []runtime.Request{{Name: "alarm"}},
	})
	e := overTheWire(t, p)
	done, failed := links(t, e, runtime.MetaLink, noon), links(t, e, runtime.MetaLinkError, noon)
	if len(done) != 2 || len(failed) != 1 || failed[0].Envelope.Name != "alarm" {
		t.Fatalf("got %d and %d links", len(done), len(failed))
	}
	b := done[0]
	if b.Envelope.Name != "b" || string(b.Envelope.Args) != `{"n":1}` || meta(b, runtime.MetaParentID) != `"a"` || meta(b, runtime.MetaRootID) != `"root-1"` {
		t.Errorf("first link: %+v", b.Envelope)
	}
	if b.Envelope.Headers[runtime.HeaderTenant] != "acme" || b.Envelope.Headers[runtime.HeaderGroupID] != "" {
		t.Errorf("first link's headers: %v", b.Envelope.Headers)
	}
	if d := done[1]; d.Envelope.Queue != "audit" || d.MaxDepth != 5 || d.Unique == nil || d.Unique.Key != "d:k" {
		t.Errorf("second link: %+v", d)
	}
	next := links(t, b.Envelope, runtime.MetaLink, noon)
	if len(next) != 1 || next[0].Envelope.Name != "c" || meta(next[0], runtime.MetaParentID) != string(mustJSON(t, b.Envelope.ID)) {
		t.Errorf("the link's own link: %+v", next)
	}
	// The ids are fixed: a settlement that is repeated publishes the same tasks.
	if again := links(t, e, runtime.MetaLink, noon); !reflect.DeepEqual(again, done) {
		t.Error("reading the links twice gives two sets of tasks")
	}
	for _, l := range done {
		if err := l.Validate(); err != nil {
			t.Error(err)
		}
	}
	if ps := links(t, &runtime.Envelope{}, runtime.MetaLink, noon); ps != nil {
		t.Errorf("no links are %v", ps)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The times of a link count from the end of its parent, whenever that is.
func TestLinkTimes(t *testing.T) {
	c := preparer(client.Options{})
	later := noon.Add(3 * time.Hour)
	cases := map[string]struct {
		r            runtime.Request
		due, tooLate time.Time
	}{
		"at once":           {runtime.Request{}, time.Time{}, time.Time{}},
		"delay":             {runtime.Request{Delay: time.Minute}, later.Add(time.Minute), time.Time{}},
		"expires":           {runtime.Request{Options: runtime.TaskOptions{Expires: new(time.Minute)}}, time.Time{}, later.Add(time.Minute)},
		"delay and expires": {runtime.Request{Delay: time.Hour, Options: runtime.TaskOptions{Expires: new(time.Minute)}}, later.Add(time.Hour), later.Add(61 * time.Minute)},
		"at":                {runtime.Request{At: later.Add(time.Hour)}, later.Add(time.Hour), time.Time{}},
		"at, passed":        {runtime.Request{At: noon.Add(time.Minute), Options: runtime.TaskOptions{Expires: new(time.Minute)}}, noon.Add(time.Minute), later.Add(time.Minute)},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			x.r.Name = "y"
			e := overTheWire(t, prepare(t, c, runtime.Request{Name: "x", Link: []runtime.Request{x.r}}))
			got := links(t, e, runtime.MetaLink, later)[0]
			if !got.NotBefore.Equal(x.due) || !got.ExpiresAt.Equal(x.tooLate) {
				t.Errorf("due %s, expires %s", got.NotBefore, got.ExpiresAt)
			}
			if at := meta(got, runtime.MetaExpiresAt); at != "" {
				t.Errorf("the envelope says it expires at %s, counted from its parent's start", at)
			}
		})
	}
}

func TestLinksAreBounded(t *testing.T) {
	endless := []runtime.Request{{Name: "x"}}
	endless[0].Link = endless
	_, err := preparer(client.Options{}).Prepare(t.Context(), endless[0])
	refused(t, err, "more than 1000 links")

	many := runtime.Request{Name: "x", Link: make([]runtime.Request, 20)}
	for i := range many.Link {
		many.Link[i] = runtime.Request{Name: "y"}
	}
	_, err = preparer(client.Options{MaxArgsBytes: 2000}).Prepare(t.Context(), many)
	refused(t, err, "headers, meta and links", "limit is 2000")
}

func TestLinksThatCannotBeRead(t *testing.T) {
	for name, value := range map[string]string{
		"not a list": `{}`, "no envelope": `[{}]`, "bad envelope": `[{"envelope":{"name":""}}]`,
		"bad delay": `[{"envelope":{"name":"x","meta":{"stem.linkDelayMs":"x"}}}]`, "bad expiry": `[{"envelope":{"name":"x","meta":{"stem.linkExpiryMs":[]}}}]`,
	} {
		e := &runtime.Envelope{Meta: map[string]json.RawMessage{runtime.MetaLink: json.RawMessage(value)}}
		if _, err := client.Links(e, runtime.MetaLink, noon); !errors.Is(err, runtime.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrepareReplay(t *testing.T) {
	c := preparer(client.Options{})
	p := prepare(t, c, runtime.Request{Name: "x", Delay: time.Hour, Options: runtime.TaskOptions{Expires: new(time.Hour)}, Link: []runtime.Request{{Name: "y"}}})
	dead := p.Envelope
	dead.Attempt = 3
	if err := dead.SetMeta(runtime.MetaAttempts, []runtime.AttemptRecord{{Attempt: 3, Message: "boom"}}); err != nil {
		t.Fatal(err)
	}
	before := dead.Clone()
	next, err := c.PrepareReplay(dead)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(dead, before) {
		t.Error("the dead letter itself was changed")
	}
	if next.ID != dead.ID || next.Attempt != 0 || !next.NotBefore.IsZero() || next.Headers[runtime.HeaderReplay] != "1" {
		t.Errorf("got %+v", next)
	}
	if _, late := next.Meta[runtime.MetaExpiresAt]; late {
		t.Error("the replay would expire at once")
	}
	for _, key := range []string{runtime.MetaAttempts, runtime.MetaLink} {
		if string(next.Meta[key]) != string(dead.Meta[key]) {
			t.Errorf("%s is now %s", key, next.Meta[key])
		}
	}
	if again, err := c.PrepareReplay(next); err != nil || again.Headers[runtime.HeaderReplay] != "2" {
		t.Errorf("the second replay: %+v, %v", again, err)
	}
	if _, err := c.PrepareReplay(&runtime.Envelope{}); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("an empty envelope: %v", err)
	}
}
