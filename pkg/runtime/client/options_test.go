package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

// a value for every option, none of them the default.
var everyOption = runtime.TaskOptions{
	Queue: new("mail"), Priority: new(7), MaxRetries: new(3), Retry: &runtime.RetryPolicy{Backoff: time.Second, RetryFor: []string{"net.OpError"}},
	SoftLimit: new(time.Second), HardLimit: new(time.Minute), VisibilityTimeout: new(time.Hour),
	AcksLate: new(false), IgnoreResult: new(true), KeepResult: new(time.Minute), Expires: new(time.Hour),
	Rate: &runtime.Rate{N: 1, Per: time.Second}, Concurrency: new(2), GroupRate: &runtime.Rate{N: 3, Per: 10 * time.Second},
	GroupRateKey: new("k"), GroupRateHeader: new("region"), LimitsFailOpen: new(false),
	Unique: &runtime.UniqueOptions{Key: "u"}, Encoding: new("gzip"),
}

// W27: nothing that can be said in a call is without effect.
func TestNothingIsInertW27(t *testing.T) {
	c := preparer(client.Options{Registry: registry(t, runtime.Definition{Name: "x"})})
	base := runtime.Request{ID: "id-1", Name: "x"}
	wire := func(r runtime.Request) string {
		b, err := json.Marshal(prepare(t, c, r))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	plain := wire(base)

	options := reflect.ValueOf(everyOption)
	for i := range options.NumField() {
		r := base
		reflect.ValueOf(&r.Options).Elem().Field(i).Set(options.Field(i))
		if wire(r) == plain {
			t.Errorf("the option %s changes nothing", options.Type().Field(i).Name)
		}
	}

	full := reflect.ValueOf(runtime.Request{
		ID: "id-2", Name: "y", Args: json.RawMessage(`{"a":1}`), Headers: map[string]string{"h": "1"}, Meta: map[string]any{"m": 1},
		Options: everyOption, Declared: &runtime.TaskOptions{Queue: new("declared")}, Delay: time.Minute, At: noon.Add(time.Hour),
		Link: []runtime.Request{{Name: "z"}}, LinkError: []runtime.Request{{Name: "z"}}, NoParent: true,
	})
	for i := range full.NumField() {
		name := full.Type().Field(i).Name
		if full.Field(i).IsZero() {
			t.Fatalf("the field %s has no value in this test", name)
		}
		if name == "NoParent" || name == "Declared" { // see TestLineage, TestDeclaredOptions
			continue
		}
		r := base
		reflect.ValueOf(&r).Elem().Field(i).Set(full.Field(i))
		if wire(r) == plain {
			t.Errorf("the field %s changes nothing", name)
		}
	}
}

// overTheWire returns the envelope as a worker decodes it.
func overTheWire(t *testing.T, p runtime.Publication) *runtime.Envelope {
	t.Helper()
	wire, err := p.Envelope.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &runtime.Envelope{}
	if err := e.UnmarshalJSON(wire); err != nil {
		t.Fatal(err)
	}
	return e
}

// W34: what a call says about how its task runs reaches the worker, be it a
// value or the default again; what it does not say is the definition's.
func TestCallOptionsReachTheWorkerW34(t *testing.T) {
	definition := everyOption
	c := preparer(client.Options{Registry: registry(t, runtime.Definition{Name: "x", Options: definition})})
	calls := map[string]runtime.TaskOptions{
		"nothing": {},
		"others": {
			MaxRetries: new(8), Retry: &runtime.RetryPolicy{Constant: true}, SoftLimit: new(2 * time.Second), HardLimit: new(3 * time.Second),
			AcksLate: new(true), IgnoreResult: new(false), KeepResult: new(5 * time.Minute), Rate: &runtime.Rate{N: 9, Per: time.Minute},
			Concurrency: new(9), GroupRate: &runtime.Rate{N: 9, Per: time.Hour}, GroupRateKey: new("kk"), GroupRateHeader: new("hh"), LimitsFailOpen: new(true),
		},
		"defaults again": {
			MaxRetries: new(0), Retry: &runtime.RetryPolicy{}, SoftLimit: new(time.Duration), HardLimit: new(time.Duration), AcksLate: new(true),
			IgnoreResult: new(false), KeepResult: new(time.Duration), Rate: &runtime.Rate{}, Concurrency: new(0), GroupRate: &runtime.Rate{},
			GroupRateKey: new(""), GroupRateHeader: new("tenant"), LimitsFailOpen: new(true),
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			e := overTheWire(t, prepare(t, c, runtime.Request{Name: "x", Options: call}))
			got, err := client.Effective(e, definition, runtime.TaskOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want := call.Over(definition)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %s\nwant %s", show(got), show(want))
			}
		})
	}
}

func show(o runtime.TaskOptions) string {
	b, err := json.Marshal(o)
	return fmt.Sprint(string(b), err)
}

func TestEffectiveIsComplete(t *testing.T) {
	c := preparer(client.Options{Registry: registry(t, runtime.Definition{Name: "x"})})
	e := overTheWire(t, prepare(t, c, runtime.Request{Name: "x"}))
	got, err := client.Effective(e, runtime.TaskOptions{Concurrency: new(4)}, runtime.TaskOptions{Concurrency: new(5), HardLimit: new(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.ValueOf(got)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if optional := name == "Retry" || name == "Unique"; v.Field(i).IsNil() != optional {
			t.Errorf("%s: nil is %t", name, v.Field(i).IsNil())
		}
	}
	if *got.Concurrency != 4 || *got.HardLimit != time.Hour {
		t.Errorf("got %s", show(got))
	}
}

// The innermost layer that speaks of retries decides; within it the policy.
func TestMaxRetries(t *testing.T) {
	policy := func(n int) *runtime.RetryPolicy { return &runtime.RetryPolicy{Max: new(n)} }
	cases := map[string]struct {
		call, def, defaults runtime.TaskOptions
		want                int
	}{
		"nobody":               {want: 0},
		"defaults":             {defaults: runtime.TaskOptions{MaxRetries: new(1)}, want: 1},
		"definition":           {def: runtime.TaskOptions{MaxRetries: new(2)}, defaults: runtime.TaskOptions{MaxRetries: new(1)}, want: 2},
		"policy in definition": {def: runtime.TaskOptions{MaxRetries: new(2), Retry: policy(5)}, want: 5},
		"call over a policy":   {call: runtime.TaskOptions{MaxRetries: new(0)}, def: runtime.TaskOptions{Retry: policy(5)}, want: 0},
		"policy in the call":   {call: runtime.TaskOptions{Retry: policy(6)}, def: runtime.TaskOptions{MaxRetries: new(2)}, want: 6},
		"policy without a max": {call: runtime.TaskOptions{Retry: &runtime.RetryPolicy{}}, def: runtime.TaskOptions{MaxRetries: new(2)}, want: 2},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			c := preparer(client.Options{Registry: registry(t, runtime.Definition{Name: "x", Options: x.def}), Defaults: x.defaults})
			e := overTheWire(t, prepare(t, c, runtime.Request{Name: "x", Options: x.call}))
			got, err := client.Effective(e, x.def, x.defaults)
			if err != nil || e.MaxRetries != x.want || *got.MaxRetries != x.want {
				t.Errorf("envelope %d, effective %d, want %d, %v", e.MaxRetries, *got.MaxRetries, x.want, err)
			}
		})
	}
}

// A producer that does not know the task must not take its retries away.
func TestRetriesOfAnUndefinedTask(t *testing.T) {
	stranger := preparer(client.Options{})
	def := runtime.TaskOptions{MaxRetries: new(5)}
	for name, x := range map[string]struct {
		call runtime.TaskOptions
		want int
	}{
		"the worker's word":    {runtime.TaskOptions{}, 5},
		"the call said none":   {runtime.TaskOptions{MaxRetries: new(0)}, 0},
		"the call's policy":    {runtime.TaskOptions{Retry: &runtime.RetryPolicy{Max: new(1)}}, 1},
		"policy without a max": {runtime.TaskOptions{Retry: &runtime.RetryPolicy{}}, 5},
	} {
		e := overTheWire(t, prepare(t, stranger, runtime.Request{Name: "x", Options: x.call}))
		got, err := client.Effective(e, def, runtime.TaskOptions{})
		if err != nil || *got.MaxRetries != x.want {
			t.Errorf("%s: got %d, %v", name, *got.MaxRetries, err)
		}
	}
}

func TestShortLimitsAreNotLost(t *testing.T) {
	c := preparer(client.Options{})
	e := overTheWire(t, prepare(t, c, runtime.Request{Name: "x", Options: runtime.TaskOptions{HardLimit: new(time.Microsecond)}}))
	if got, err := client.Effective(e, runtime.TaskOptions{}, runtime.TaskOptions{}); err != nil || *got.HardLimit != time.Millisecond {
		t.Errorf("a microsecond became %s (0 would be no limit), %v", *got.HardLimit, err)
	}
}

func TestEffectiveRefusesNonsense(t *testing.T) {
	for key, value := range map[string]string{
		runtime.MetaHardLimit: `"soon"`, runtime.MetaSoftLimit: `-5`, runtime.MetaKeep: `9223372036854775807`, runtime.MetaRate: `"fast"`,
		runtime.MetaConcurrency: `-5`, runtime.MetaRetryPolicy: `[]`, runtime.MetaAcksEarly: `1`,
	} {
		e := &runtime.Envelope{Meta: map[string]json.RawMessage{key: json.RawMessage(value)}}
		if _, err := client.Effective(e, runtime.TaskOptions{}, runtime.TaskOptions{}); !errors.Is(err, runtime.ErrCorrupt) {
			t.Errorf("%s = %s: %v", key, value, err)
		}
	}
}

// TestDeclaredOptions: they fill in for a definition that the client does not
// know, and never stand against one that it knows.
func TestDeclaredOptions(t *testing.T) {
	c := preparer(client.Options{Registry: registry(t, runtime.Definition{Name: "known", Options: runtime.TaskOptions{Queue: new("defined")}})})
	declared := &runtime.TaskOptions{Queue: new("declared"), HardLimit: new(time.Minute)}
	for name, queue := range map[string]string{"known": "defined", "unknown": "declared"} {
		e := prepare(t, c, runtime.Request{Name: name, Declared: declared}).Envelope
		if _, travels := e.Meta[runtime.MetaHardLimit]; e.Queue != queue || travels {
			t.Errorf("%s: queue %s, meta %v", name, e.Queue, e.Meta)
		}
	}
}
