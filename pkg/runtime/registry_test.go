package runtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func noop(context.Context, *runtime.Task) (json.RawMessage, error) { return nil, nil }

func TestRegistry(t *testing.T) {
	r, err := runtime.NewRegistry(runtime.Definition{Name: "b", Run: noop}, runtime.Definition{Name: "a", Run: noop, Kind: "go"})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Names(); !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("names %v", got)
	}
	if d := r.Lookup("a"); d == nil || d.Kind != "go" {
		t.Errorf("got %+v", d)
	}
	if r.Lookup("c") != nil {
		t.Error("found what is not there")
	}
	var none *runtime.Registry
	if none.Lookup("a") != nil || none.Names() != nil {
		t.Error("a nil registry knows something")
	}
}

func TestRegistryAddsAllOrNone(t *testing.T) {
	var r runtime.Registry
	if err := r.Add(runtime.Definition{Name: "taken", Run: noop}); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		bad  runtime.Definition
		want *runtime.Error
	}{
		"taken":      {runtime.Definition{Name: "taken", Run: noop}, runtime.ErrExists},
		"twice":      {runtime.Definition{Name: "good", Run: noop}, runtime.ErrExists},
		"bad name":   {runtime.Definition{Name: "a\x1bb", Run: noop}, runtime.ErrInvalid},
		"no handler": {runtime.Definition{Name: "x"}, runtime.ErrInvalid},
		"bad option": {runtime.Definition{Name: "x", Run: noop, Options: runtime.TaskOptions{Priority: new(99)}}, runtime.ErrInvalid},
	}
	for name, c := range cases {
		err := r.Add(runtime.Definition{Name: "good", Run: noop}, c.bad)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "bad option" && !strings.Contains(err.Error(), "task x") {
			t.Errorf("the error does not name the task: %v", err)
		}
		if got := r.Names(); len(got) != 1 {
			t.Fatalf("%s: a refused Add left %v", name, got)
		}
	}
}
