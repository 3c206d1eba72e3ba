package runtime_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// plainEnvelope is what most tasks look like: about 300 bytes on the wire.
func plainEnvelope() *runtime.Envelope {
	return &runtime.Envelope{
		ID:         "01902f4e-7c1a-7b3c-9d2e-5f6a7b8c9d0e",
		Name:       "mail.send",
		Args:       json.RawMessage(`{"to":"ann@example.org","subject":"hello"}`),
		EnqueuedAt: time.Date(2026, 3, 4, 5, 6, 7, 890123000, time.UTC),
		MaxRetries: 3,
		Queue:      "default",
	}
}

// fullEnvelope has a value in every field.
func fullEnvelope() *runtime.Envelope {
	e := plainEnvelope()
	e.Headers = map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tenant": "Gr\u00fc\u00dfe \"&\" <co>"}
	e.NotBefore = e.EnqueuedAt.Add(90 * time.Second)
	e.Priority, e.Attempt, e.VisibilityTimeout = 9, 2, 45*time.Second
	e.Queue = "mail/high"
	e.Meta = map[string]json.RawMessage{
		runtime.MetaHardLimit: json.RawMessage("60000"),
		runtime.MetaRate:      json.RawMessage(`"10/s"`),
		"note":                json.RawMessage(`{"by":["ann",1.5,null,true]}`),
	}
	return e
}

func BenchmarkEnvelopeAppendJSON(b *testing.B) {
	e := plainEnvelope()
	var buf []byte
	for b.Loop() {
		buf, _ = e.AppendJSON(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkEnvelopeUnmarshalJSON(b *testing.B) {
	wire, err := plainEnvelope().AppendJSON(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		var e runtime.Envelope
		if err := e.UnmarshalJSON(wire); err != nil {
			b.Fatal(err)
		}
	}
}
