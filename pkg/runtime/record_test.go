package runtime_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestRecord(t *testing.T) {
	r := runtime.Record{Payload: json.RawMessage(`{"n":1}`), Encoder: "gzip", Log: "x\n", Error: &runtime.TaskError{Type: "t", Message: "m"}}
	wire, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := runtime.DecodeRecord(wire)
	if err != nil || !reflect.DeepEqual(got, r) || got.V != runtime.RecordVersion {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := runtime.DecodeRecord(nil); err != nil || !reflect.DeepEqual(got, runtime.Record{}) {
		t.Errorf("an empty record: %+v, %v", got, err)
	}
	if _, err := runtime.DecodeRecord([]byte(`{"v":2}`)); !errors.Is(err, runtime.ErrIncompatible) || runtime.HintOf(err) == "" {
		t.Errorf("a newer one: %v", err)
	}
	if _, err := runtime.DecodeRecord([]byte(`nonsense`)); !errors.Is(err, runtime.ErrCorrupt) {
		t.Errorf("nonsense: %v", err)
	}
	bad := runtime.Record{Payload: json.RawMessage(`{`)}
	if _, err := bad.Encode(); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("a payload that is not JSON: %v", err)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(`{"v":1,"payload":{"a":1},"error":{"type":"t","message":"m"}}`))
	f.Add([]byte(`{"v":9}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := runtime.DecodeRecord(b)
		if err != nil {
			if runtime.CodeOf(err) == "" {
				t.Fatalf("error without a code: %v", err)
			}
			return
		}
		if _, err := r.Encode(); err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
	})
}

// TestRecordOfASuccess holds the hand-written encoding against encoding/json.
func TestRecordOfASuccess(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	for _, r := range []runtime.Record{
		{},
		{Payload: json.RawMessage(`null`)},
		{Payload: json.RawMessage(`{"a":[1,"x\u00e9"]}`), StartedAt: at, FinishedAt: at.Add(time.Second)},
		{Payload: json.RawMessage(`{"gzip":"H4sI"}`), Encoder: "gzip", FinishedAt: at},
		{Encoder: "own\"one\"é"},
	} {
		got, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		utc := r
		utc.StartedAt, utc.FinishedAt = r.StartedAt.UTC(), r.FinishedAt.UTC()
		if want, _ := json.Marshal(utc); string(got) != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	r := runtime.Record{Payload: json.RawMessage(`{"broken`)}
	if _, err := r.Encode(); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("a broken payload: %v", err)
	}
}
