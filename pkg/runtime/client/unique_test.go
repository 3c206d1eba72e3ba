package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/codec"
)

// salted never encodes the same arguments to the same bytes twice.
type salted struct{ n *int }

func (s salted) Encode(p json.RawMessage) (json.RawMessage, error) {
	*s.n++
	return json.Marshal(map[string]any{"salt": *s.n, "p": p})
}

func (s salted) Decode(p json.RawMessage) (json.RawMessage, error) {
	var m struct{ P json.RawMessage }
	return m.P, json.Unmarshal(p, &m)
}

// W10: the key is made of the logical work alone.
func TestUniqueKeyW10(t *testing.T) {
	codecs, err := codec.NewRegistry(map[string]codec.Encoder{"salted": salted{new(0)}})
	if err != nil {
		t.Fatal(err)
	}
	c := preparer(client.Options{Codecs: codecs})
	key := func(change func(*runtime.Request)) string {
		r := runtime.Request{
			Name: "x", Args: json.RawMessage(`{"a":1,"b":{"c":2,"d":[1.50]}}`), Headers: map[string]string{runtime.HeaderTenant: "acme"},
			Options: runtime.TaskOptions{Unique: &runtime.UniqueOptions{}},
		}
		change(&r)
		p := prepare(t, c, r)
		if p.Unique == nil {
			t.Fatal("no unique claim")
		}
		return p.Unique.Key
	}
	base := key(func(*runtime.Request) {})

	same := map[string]func(*runtime.Request){
		"again":                  func(*runtime.Request) {},
		"order and space":        func(r *runtime.Request) { r.Args = json.RawMessage("{ \"b\" : {\"d\":[1.50],\"c\":2},\n\"a\":1}") },
		"a trace":                func(r *runtime.Request) { r.Headers[runtime.HeaderTraceParent] = "00-1-2-01" },
		"other headers":          func(r *runtime.Request) { r.Headers["user"] = "ann" },
		"meta":                   func(r *runtime.Request) { r.Meta = map[string]any{"m": 1} },
		"a random encoding":      func(r *runtime.Request) { r.Options.Encoding = new("salted") },
		"delay, priority, id":    func(r *runtime.Request) { r.Delay, r.Options.Priority, r.ID = time.Hour, new(3), "other" },
		"how it is deduplicated": func(r *runtime.Request) { r.Options.Unique = &runtime.UniqueOptions{Replace: true, For: time.Hour} },
	}
	for name, change := range same {
		if key(change) != base {
			t.Errorf("%s: another key", name)
		}
	}
	others := map[string]func(*runtime.Request){
		"another task":      func(r *runtime.Request) { r.Name = "y" },
		"another queue":     func(r *runtime.Request) { r.Options.Queue = new("mail") },
		"another tenant":    func(r *runtime.Request) { r.Headers[runtime.HeaderTenant] = "other" },
		"no tenant":         func(r *runtime.Request) { r.Headers = nil },
		"another value":     func(r *runtime.Request) { r.Args = json.RawMessage(`{"a":2,"b":{"c":2,"d":[1.50]}}`) },
		"a large number":    func(r *runtime.Request) { r.Args = json.RawMessage(`{"a":12345678901234567890}`) },
		"its neighbour":     func(r *runtime.Request) { r.Args = json.RawMessage(`{"a":12345678901234567891}`) },
		"order in an array": func(r *runtime.Request) { r.Args = json.RawMessage(`{"a":[1,2]}`) },
		"the other order":   func(r *runtime.Request) { r.Args = json.RawMessage(`{"a":[2,1]}`) },
		"parts moved":       func(r *runtime.Request) { r.Options.Queue, r.Headers = new("defaultacme"), nil },
	}
	seen := map[string]string{base: "the base"}
	for name, change := range others {
		k := key(change)
		if seen[k] != "" {
			t.Errorf("%s has the key of %s", name, seen[k])
		}
		seen[k] = name
	}
}

func TestUniqueOptions(t *testing.T) {
	c := preparer(client.Options{Registry: registry(t, runtime.Definition{
		Name: "x", Options: runtime.TaskOptions{Unique: &runtime.UniqueOptions{Key: "k", For: time.Minute, Replace: true}},
	})})
	p := prepare(t, c, runtime.Request{Name: "x"})
	if want := (runtime.Unique{Key: "x:k", Mode: runtime.UniqueReplace, Hold: time.Minute}); p.Unique == nil || *p.Unique != want {
		t.Errorf("got %+v", p.Unique)
	}
	off := prepare(t, c, runtime.Request{Name: "x", Options: runtime.TaskOptions{Unique: &runtime.UniqueOptions{Off: true}}})
	if off.Unique != nil {
		t.Errorf("a call cannot switch it off: %+v", off.Unique)
	}
}

// W11: nothing is claimed before the store's one step, so whatever keeps a task
// from the store leaves its key free; and an id is returned only for a task
// that is in the store.
func TestUniqueIsNotLeakedW11(t *testing.T) {
	veto := errors.New("not today")
	stopped := true
	b := openMemory(t)
	c := client.New(b, client.Options{Middleware: []runtime.Middleware{{
		Enqueue: func(ctx context.Context, _ *runtime.Envelope, next func(context.Context) error) error {
			if stopped {
				return veto
			}
			return next(ctx)
		},
	}}})
	r := runtime.Request{Name: "x", Options: runtime.TaskOptions{Unique: &runtime.UniqueOptions{}}}
	if _, err := c.Prepare(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Enqueue(t.Context(), r); !errors.Is(err, veto) || got.Status != runtime.Invalid {
		t.Errorf("kept back: %+v, %v", got, err)
	}
	stopped = false
	first, err := c.Enqueue(t.Context(), r)
	if err != nil || first.Status != runtime.Accepted {
		t.Fatalf("the key is taken by nobody: %+v, %v", first, err)
	}
	second, err := c.Enqueue(t.Context(), r)
	if err != nil || second.Status != runtime.Duplicate || second.ID != first.ID {
		t.Errorf("got %+v, %v; the owner is %s", second, err, first.ID)
	}
}
