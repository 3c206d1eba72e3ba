package memory

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Whoever keeps a slice that went into the store or came out of it must not be
// able to change what is stored.
func TestNobodySharesMemoryWithTheStore(t *testing.T) {
	b, _ := open(t, nil)
	p := publication("a")
	p.Envelope.Meta = map[string]json.RawMessage{"k": []byte(`"meta"`)}
	publish(t, b, p)
	spoil(p.Envelope.Args, p.Envelope.Meta["k"])
	p.Envelope.Meta["other"] = []byte("1")

	d := receive(t, b, 1)[0]
	wantEnvelope(t, d.Envelope)
	spoil(d.Envelope.Args, d.Envelope.Meta["k"])
	stored, err := b.Queues.Envelope(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	wantEnvelope(t, stored)

	data, body := []byte(`{"step":1}`), []byte("body")
	if lost, err := b.Results.Progress(t.Context(), worker, []runtime.Progress{{Lease: d.Lease, Percent: 50, Data: data}}); err != nil || len(lost) > 0 {
		t.Fatal(err, lost)
	}
	settle(t, b, runtime.Settlement{Lease: d.Lease, Outcome: runtime.Dead, Result: body})
	spoil(data, body)
	for range 2 {
		rs, err := b.Results.Get(t.Context(), []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		if string(rs[0].Data) != `{"step":1}` || string(rs[0].Body) != "body" {
			t.Fatalf("record: data %q, body %q", rs[0].Data, rs[0].Body)
		}
		spoil(rs[0].Data, rs[0].Body)
	}
}

func TestNobodySharesMessagesWithTheStore(t *testing.T) {
	b, _ := open(t, nil)
	body := []byte("hello")
	if err := b.Bus.Send(t.Context(), []runtime.Message{{ID: "m", Channel: "c", Body: body}}); err != nil {
		t.Fatal(err)
	}
	spoil(body)
	for range 2 {
		r, err := b.Bus.Subscribe(t.Context(), runtime.Subscription{Channels: []string{"c"}, From: time.Unix(1, 0)})
		if err != nil {
			t.Fatal(err)
		}
		ms, err := r.Next(t.Context())
		if err != nil || string(ms[0].Body) != "hello" {
			t.Fatalf("%+v (%v); want hello", ms, err)
		}
		spoil(ms[0].Body)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func wantEnvelope(t *testing.T, e *runtime.Envelope) {
	t.Helper()
	if string(e.Args) != `{"n":1}` || string(e.Meta["k"]) != `"meta"` || len(e.Meta) != 1 {
		t.Fatalf("envelope: args %s, meta %s", e.Args, e.Meta)
	}
}

func spoil(bs ...[]byte) {
	for _, b := range bs {
		clear(b)
	}
}
