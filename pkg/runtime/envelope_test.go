package runtime_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestEnvelopeRoundTrip(t *testing.T) {
	odd := plainEnvelope()
	odd.Name, odd.Queue, odd.Args = `a"b\c`, "zażółć\n", json.RawMessage(`{"deep":{"s":"} \" {","a":[{}]}}`)
	for name, e := range map[string]*runtime.Envelope{
		"plain": plainEnvelope(), "full": fullEnvelope(), "escapes": odd,
		"zero": {Name: "x", Queue: "default", Args: json.RawMessage("{}"), EnqueuedAt: time.Time{}.UTC()},
	} {
		t.Run(name, func(t *testing.T) {
			wire, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			var got runtime.Envelope
			if err := json.Unmarshal(wire, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(&got, e) {
				t.Errorf("got  %+v\nwant %+v", &got, e)
			}
		})
	}
}

// The hand-written encoder must write what the keys of the wire say, all of
// them, nulls included.
func TestEnvelopeWireKeys(t *testing.T) {
	wire, err := plainEnvelope().AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"id":"01902f4e-7c1a-7b3c-9d2e-5f6a7b8c9d0e","name":"mail.send",` +
		`"args":{"to":"ann@example.org","subject":"hello"},"headers":{},"enqueuedAt":"2026-03-04T05:06:07.890123Z",` +
		`"notBefore":null,"priority":0,"attempt":0,"maxRetries":3,"visibilityTimeout":null,"queue":"default","meta":{}}`
	if string(wire) != want {
		t.Errorf("got  %s\nwant %s", wire, want)
	}
}

func TestEnvelopeAppendsToBuffer(t *testing.T) {
	wire, err := plainEnvelope().AppendJSON([]byte("before "))
	if err != nil || !bytes.HasPrefix(wire, []byte(`before {"v":1,`)) {
		t.Errorf("got %.20q, %v", wire, err)
	}
}

func TestEnvelopeTolerates(t *testing.T) {
	var e runtime.Envelope
	wire := ` { "meta" : null, "unknown": [1], "args": null, "name": "x", "notBefore": "2026-01-01T02:00:00+02:00", "visibilityTimeout": -5 } `
	if err := json.Unmarshal([]byte(wire), &e); err != nil {
		t.Fatal(err)
	}
	want := runtime.Envelope{
		Name: "x", Queue: runtime.DefaultQueue, Args: json.RawMessage("{}"),
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), EnqueuedAt: time.Time{}.UTC(),
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v\nwant %+v", e, want)
	}
}

// A decoded envelope must not change when the driver reuses its buffer.
func TestEnvelopeOwnsItsBytes(t *testing.T) {
	wire, err := fullEnvelope().AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	var e runtime.Envelope
	if err := e.UnmarshalJSON(wire); err != nil {
		t.Fatal(err)
	}
	for i := range wire {
		wire[i] = 'x'
	}
	if want := fullEnvelope(); !reflect.DeepEqual(&e, want) {
		t.Errorf("got  %+v\nwant %+v", &e, want)
	}
}

func TestEnvelopeRefused(t *testing.T) {
	plain, err := plainEnvelope().AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	change := func(from, to string) string { return strings.Replace(string(plain), from, to, 1) }
	cases := map[string]struct {
		wire string
		want *runtime.Error
	}{
		"newer version":   {change(`"v":1`, `"v":2`), runtime.ErrIncompatible},
		"newer, unread":   {`{"v":99,"name":"x"}`, runtime.ErrIncompatible},
		"not json":        {`hello`, runtime.ErrCorrupt},
		"empty":           {``, runtime.ErrCorrupt},
		"an array":        {`[]`, runtime.ErrCorrupt},
		"no name":         {change(`"mail.send"`, `""`), runtime.ErrCorrupt},
		"args an array":   {change(`{"to":"ann@example.org","subject":"hello"}`, `[1]`), runtime.ErrCorrupt},
		"args not json":   {change(`"subject":"hello"`, `subject:1`), runtime.ErrCorrupt},
		"cut short":       {string(plain[:len(plain)-1]), runtime.ErrCorrupt},
		"text after it":   {string(plain) + "x", runtime.ErrCorrupt},
		"bad time":        {change(`2026-03`, `2026-13`), runtime.ErrCorrupt},
		"number too long": {change(`"attempt":0`, `"attempt":99999999999999999999`), runtime.ErrCorrupt},
		"leading zero":    {change(`"attempt":0`, `"attempt":01`), runtime.ErrCorrupt},
		"control in name": {change(`mail.send`, "mail\x01send"), runtime.ErrCorrupt},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := runtime.Envelope{Name: "untouched"}
			err := e.UnmarshalJSON([]byte(c.wire))
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %s", err, c.want.Code)
			}
			if e.Name != "untouched" {
				t.Error("a refused envelope was partly decoded")
			}
		})
	}
	if runtime.HintOf((&runtime.Envelope{}).UnmarshalJSON([]byte(`{"v":99}`))) == "" {
		t.Error("no hint about what to do with a newer version")
	}
}

func TestEnvelopeValidate(t *testing.T) {
	good := fullEnvelope()
	good.Args = json.RawMessage(`{"quoted":"\\\"}{","a":[{}]}`)
	if err := good.Validate(); err != nil {
		t.Fatalf("a good envelope: %v", err)
	}
	cases := map[string]func(*runtime.Envelope){
		"id empty":            func(e *runtime.Envelope) { e.ID = "" },
		"id with a slash":     func(e *runtime.Envelope) { e.ID = "a/b" },
		"name with a newline": func(e *runtime.Envelope) { e.Name = "a\nb" },
		"queue too long":      func(e *runtime.Envelope) { e.Queue = strings.Repeat("q", 129) },
		"priority low":        func(e *runtime.Envelope) { e.Priority = -1 },
		"priority high":       func(e *runtime.Envelope) { e.Priority = 10 },
		"attempt":             func(e *runtime.Envelope) { e.Attempt = -1 },
		"retries":             func(e *runtime.Envelope) { e.MaxRetries = -1 },
		"visibility":          func(e *runtime.Envelope) { e.VisibilityTimeout = -1 },
		"year 10000":          func(e *runtime.Envelope) { e.NotBefore = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"args an array":       func(e *runtime.Envelope) { e.Args = json.RawMessage(`[]`) },
		"args not json":       func(e *runtime.Envelope) { e.Args = json.RawMessage(`{x}`) },
		"args and more":       func(e *runtime.Envelope) { e.Args = json.RawMessage(`{} {}`) },
		"args a brace":        func(e *runtime.Envelope) { e.Args = json.RawMessage(`{"a":"}"`) },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			e := fullEnvelope()
			spoil(e)
			if err := e.Validate(); !errors.Is(err, runtime.ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEnvelopeShortVisibilityIsNotLost(t *testing.T) {
	e := plainEnvelope()
	e.VisibilityTimeout = time.Microsecond
	wire, _ := e.AppendJSON(nil)
	var got runtime.Envelope
	if err := got.UnmarshalJSON(wire); err != nil || got.VisibilityTimeout != time.Millisecond {
		t.Errorf("got %s, %v", got.VisibilityTimeout, err)
	}
}

func TestEnvelopeClone(t *testing.T) {
	e := fullEnvelope()
	c := e.Clone()
	c.Headers["new"] = "x"
	if err := c.SetMeta("new", 1); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(e, fullEnvelope()) {
		t.Error("changing the copy changed the original")
	}
	if c := plainEnvelope().Clone(); !reflect.DeepEqual(c, plainEnvelope()) {
		t.Errorf("copy differs: %+v", c)
	}
}

func TestEnvelopeMeta(t *testing.T) {
	e := plainEnvelope()
	if err := e.SetMeta("n", 7); err != nil {
		t.Fatal(err)
	}
	var n int
	if found, err := e.MetaValue("n", &n); !found || err != nil || n != 7 {
		t.Errorf("got %d, %t, %v", n, found, err)
	}
	if found, err := e.MetaValue("absent", &n); found || err != nil {
		t.Errorf("absent: %t, %v", found, err)
	}
	var s string
	if _, err := e.MetaValue("n", &s); !errors.Is(err, runtime.ErrCorrupt) {
		t.Errorf("another shape: %v", err)
	}
	if err := e.SetMeta("f", func() {}); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("a function: %v", err)
	}
	e.Meta["bad"] = json.RawMessage("{")
	if _, err := e.AppendJSON(nil); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("meta that is not JSON: %v", err)
	}
}

// FuzzEnvelopeDecode holds the fast reader against the reflective one: whatever
// the input, both paths of UnmarshalJSON agree. A space in front keeps the
// envelope off the fast path.
func FuzzEnvelopeDecode(f *testing.F) {
	for _, e := range []*runtime.Envelope{plainEnvelope(), fullEnvelope()} {
		wire, err := e.AppendJSON(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
		f.Add(bytes.Replace(wire, []byte(`"args":{`), []byte(`"args":{"a":{"b":"}"},`), 1))
		f.Add(bytes.Replace(wire, []byte(`"v":1`), []byte(`"v":3`), 1))
	}
	f.Add([]byte(`{"name":"x","args":{"a":1}}`))
	f.Fuzz(func(t *testing.T, wire []byte) {
		var fast, slow runtime.Envelope
		fastErr := fast.UnmarshalJSON(wire)
		slowErr := slow.UnmarshalJSON(append([]byte(" "), wire...))
		if (fastErr == nil) != (slowErr == nil) {
			t.Fatalf("fast %v, slow %v", fastErr, slowErr)
		}
		if !reflect.DeepEqual(fast, slow) {
			t.Fatalf("fast %+v\nslow %+v", fast, slow)
		}
		if fastErr != nil {
			if runtime.CodeOf(fastErr) == "" {
				t.Fatalf("error without a code: %v", fastErr)
			}
			return
		}
		again, err := fast.AppendJSON(nil)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		var back runtime.Envelope
		if err := back.UnmarshalJSON(again); err != nil {
			t.Fatalf("decode %s: %v", again, err)
		}
		if twice, err := back.AppendJSON(nil); err != nil || !bytes.Equal(again, twice) {
			t.Fatalf("round trip\n%s\n%s\n%v", again, twice, err)
		}
	})
}

// FuzzEnvelopeEncode: whatever the strings, what is written can be read and is
// one line of JSON.
func FuzzEnvelopeEncode(f *testing.F) {
	f.Add("id", "name", "queue", "key", "value", 0, int64(0))
	f.Add("a\x00b", "\"\\\u2028<&>", "zażółć", "\n", "\x7f", -3, int64(1700000000))
	f.Fuzz(func(t *testing.T, id, name, queue, key, value string, n int, at int64) {
		e := runtime.Envelope{
			ID: id, Name: name, Queue: queue, Priority: n, Attempt: n, MaxRetries: n,
			Headers: map[string]string{key: value}, EnqueuedAt: time.Unix(at%1e11, 0),
		}
		wire, err := e.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(wire) || bytes.ContainsAny(wire, "\n\r") {
			t.Fatalf("not a line of JSON: %q", wire)
		}
		var got runtime.Envelope
		if err := got.UnmarshalJSON(wire); err != nil && name != "" {
			t.Fatalf("decode %s: %v", wire, err)
		}
	})
}
