package client_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/codec"
)

func body(t *testing.T, r runtime.Record) []byte {
	t.Helper()
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestResult(t *testing.T) {
	var codecs *codec.Registry
	zipped, err := codecs.EncodeResult(codec.Gzip, json.RawMessage(`"hello"`))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]runtime.Record{
		"plain": {Payload: json.RawMessage(`"hello"`)}, "gzip": {Payload: zipped, Encoder: codec.Gzip},
	} {
		rec := runtime.TaskRecord{ID: "a", State: runtime.StateSucceeded, Body: body(t, r)}
		var out string
		if err := client.Result(rec, codecs, &out); err != nil || out != "hello" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
		if err := client.Result(rec, codecs, nil); err != nil {
			t.Errorf("%s, only asking: %v", name, err)
		}
	}
	kept := "as it was"
	if err := client.Result(runtime.TaskRecord{State: runtime.StateSucceeded}, codecs, &kept); err != nil || kept != "as it was" {
		t.Errorf("a result that was not kept: %q, %v", kept, err)
	}
}

func TestResultErrors(t *testing.T) {
	done := func(r runtime.Record) runtime.TaskRecord {
		return runtime.TaskRecord{ID: "a", State: runtime.StateSucceeded, Body: body(t, r)}
	}
	cases := map[string]struct {
		rec  runtime.TaskRecord
		want error
		text string
	}{
		"unknown":         {runtime.TaskRecord{ID: "a"}, runtime.ErrNotFound, "task a is not known"},
		"running":         {runtime.TaskRecord{ID: "a", State: runtime.StateRunning}, runtime.ErrConflict, "task a has not ended: it is running"},
		"another type":    {done(runtime.Record{Payload: json.RawMessage(`[1]`)}), runtime.ErrCorrupt, "result of task a is not a *string"},
		"unknown encoder": {done(runtime.Record{Payload: json.RawMessage(`{}`), Encoder: "brotli"}), runtime.ErrUnsupported, `no encoder "brotli"`},
		"broken gzip":     {done(runtime.Record{Payload: json.RawMessage(`{}`), Encoder: "gzip"}), runtime.ErrCorrupt, "result of task a"},
		"broken record":   {runtime.TaskRecord{ID: "a", State: runtime.StateSucceeded, Body: []byte("x")}, runtime.ErrCorrupt, "result of task a"},
		"newer record":    {runtime.TaskRecord{ID: "a", State: runtime.StateSucceeded, Body: []byte(`{"v":9}`)}, runtime.ErrIncompatible, "result of task a"},
	}
	for name, x := range cases {
		var out string
		if err := client.Result(x.rec, nil, &out); !errors.Is(err, x.want) || !strings.Contains(err.Error(), x.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResultOfAFailure(t *testing.T) {
	failure := &runtime.TaskError{Type: "net.OpError", Message: "dial: refused"}
	cases := map[string]struct {
		rec  runtime.TaskRecord
		text string
		has  bool
	}{
		"by its handler": {
			runtime.TaskRecord{ID: "a", Name: "x", State: runtime.StateFailed, Reason: runtime.ReasonExhausted, Error: "short", Body: body(t, runtime.Record{Error: failure})},
			"task a (x) failed: max-retries-exhausted: dial: refused", true,
		},
		"never ran":     {runtime.TaskRecord{ID: "a", Name: "x", State: runtime.StateCancelled, Reason: runtime.ReasonExpired}, "task a (x) cancelled: expired", false},
		"broken record": {runtime.TaskRecord{ID: "a", Name: "x", State: runtime.StateFailed, Error: "line", Body: []byte("?")}, "task a (x) failed: line", false},
	}
	for name, x := range cases {
		err := client.Result(x.rec, nil, new(string))
		var failed *client.TaskFailed
		if !errors.As(err, &failed) || err.Error() != x.text || failed.Task.ID != "a" || (failed.Failure != nil) != x.has {
			t.Errorf("%s: %v", name, err)
		}
	}
}
