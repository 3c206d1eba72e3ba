package runtime_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// every returns options with a value in every field.
func every(t *testing.T) runtime.TaskOptions {
	t.Helper()
	o := runtime.TaskOptions{
		Queue: new("mail"), Priority: new(7), MaxRetries: new(3), Retry: &runtime.RetryPolicy{Backoff: time.Second},
		SoftLimit: new(time.Second), HardLimit: new(time.Minute), VisibilityTimeout: new(time.Hour),
		AcksLate: new(false), IgnoreResult: new(true), KeepResult: new(time.Minute), Expires: new(time.Hour),
		Rate: &runtime.Rate{N: 1, Per: time.Second}, Concurrency: new(2), GroupRate: &runtime.Rate{N: 3, Per: time.Second},
		GroupRateKey: new("k"), GroupRateHeader: new("h"), LimitsFailOpen: new(false),
		Unique: &runtime.UniqueOptions{Key: "u"}, Encoding: new("gzip"),
	}
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if v.Field(i).IsNil() {
			t.Fatalf("%s is not set here; add it", v.Type().Field(i).Name)
		}
	}
	return o
}

// W34: what a call sets wins, also when it is the default's value; what it does
// not set comes from the layer below. For every field there is.
func TestOptionsOverW34(t *testing.T) {
	definition, defaults := every(t), runtime.DefaultOptions()
	defaults.Retry, defaults.Unique = &runtime.RetryPolicy{}, &runtime.UniqueOptions{Off: true}
	if got := (runtime.TaskOptions{}).Over(definition); !reflect.DeepEqual(got, definition) {
		t.Errorf("nothing over a definition is %+v", got)
	}
	back := defaults.Over(definition)
	if !reflect.DeepEqual(back, defaults) {
		t.Errorf("a call cannot go back to the defaults: %+v", back)
	}
	v := reflect.ValueOf(definition)
	for i := range v.NumField() {
		var call runtime.TaskOptions
		reflect.ValueOf(&call).Elem().Field(i).Set(reflect.ValueOf(defaults).Field(i))
		got := reflect.ValueOf(call.Over(definition))
		for j := range v.NumField() {
			want := v.Field(j)
			if i == j {
				want = reflect.ValueOf(defaults).Field(i)
			}
			if got.Field(j).Pointer() != want.Pointer() {
				t.Errorf("with %s set by the call, %s is wrong", v.Type().Field(i).Name, v.Type().Field(j).Name)
			}
		}
	}
}

func TestDefaultOptionsAreCompleteAndValid(t *testing.T) {
	o := runtime.DefaultOptions()
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if absent := name == "Retry" || name == "Unique"; v.Field(i).IsNil() != absent {
			t.Errorf("%s: nil is %t", name, v.Field(i).IsNil())
		}
	}
}

func TestOptionsValidate(t *testing.T) {
	if err := every(t).Validate(); err != nil {
		t.Fatalf("good options: %v", err)
	}
	cases := map[string]runtime.TaskOptions{
		"queue with a newline":  {Queue: new("a\nb")},
		"queue empty":           {Queue: new("")},
		"priority":              {Priority: new(10)},
		"priority negative":     {Priority: new(-1)},
		"retries":               {MaxRetries: new(-1)},
		"soft limit":            {SoftLimit: new(time.Duration(-1))},
		"hard limit":            {HardLimit: new(time.Duration(-1))},
		"soft after hard":       {SoftLimit: new(time.Minute), HardLimit: new(time.Second)},
		"visibility":            {VisibilityTimeout: new(time.Duration(-1))},
		"keep":                  {KeepResult: new(time.Duration(-1))},
		"expires":               {Expires: new(time.Duration(-1))},
		"concurrency":           {Concurrency: new(-1)},
		"rate negative":         {Rate: &runtime.Rate{N: -1, Per: time.Second}},
		"rate without a period": {Rate: &runtime.Rate{N: 1}},
		"period without a rate": {GroupRate: &runtime.Rate{Per: time.Second}},
		"backoff":               {Retry: &runtime.RetryPolicy{Backoff: -1}},
		"cap":                   {Retry: &runtime.RetryPolicy{Cap: -1}},
		"policy's retries":      {Retry: &runtime.RetryPolicy{Max: new(-1)}},
		"unique for":            {Unique: &runtime.UniqueOptions{For: -1}},
	}
	for name, o := range cases {
		if err := o.Validate(); !errors.Is(err, runtime.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := (runtime.TaskOptions{Rate: &runtime.Rate{}, SoftLimit: new(time.Minute), HardLimit: new(time.Duration)}).Validate(); err != nil {
		t.Errorf("no rate and no hard limit: %v", err)
	}
}

func TestValue(t *testing.T) {
	if runtime.Value[int](nil) != 0 || runtime.Value(new(3)) != 3 {
		t.Error("Value is wrong")
	}
}
