package runtime_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestPublicationValidate(t *testing.T) {
	good := func() runtime.Publication {
		return runtime.Publication{Envelope: fullEnvelope(), Unique: &runtime.Unique{Key: "k"}, Group: "g"}
	}
	if p := good(); p.Validate() != nil {
		t.Fatal(p.Validate())
	}
	cases := map[string]func(*runtime.Publication){
		"no envelope":        func(p *runtime.Publication) { p.Envelope = nil },
		"bad envelope":       func(p *runtime.Publication) { p.Envelope.ID = "" },
		"bad group":          func(p *runtime.Publication) { p.Group = "a b" },
		"unique key empty":   func(p *runtime.Publication) { p.Unique.Key = "" },
		"unique key long":    func(p *runtime.Publication) { p.Unique.Key = strings.Repeat("k", 513) },
		"unique hold":        func(p *runtime.Publication) { p.Unique.Hold = -1 },
		"negative depth":     func(p *runtime.Publication) { p.MaxDepth = -1 },
		"args not an object": func(p *runtime.Publication) { p.Envelope.Args = json.RawMessage(`"x"`) },
	}
	for name, spoil := range cases {
		p := good()
		spoil(&p)
		if err := p.Validate(); !errors.Is(err, runtime.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Publications travel in the meta of envelopes, as links.
func TestPublicationJSON(t *testing.T) {
	p := runtime.Publication{
		Envelope: fullEnvelope(), NotBefore: fullEnvelope().NotBefore, ExpiresAt: fullEnvelope().NotBefore.Add(time.Hour),
		Unique: &runtime.Unique{Key: "k", Mode: runtime.UniqueReplace, Hold: time.Second}, Group: "g", MaxDepth: 5,
	}
	for name, p := range map[string]runtime.Publication{"full": p, "plain": {Envelope: plainEnvelope()}} {
		wire, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got runtime.Publication
		if err := json.Unmarshal(wire, &got); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", name, err, got, p)
		}
	}
}

func TestGroupValidate(t *testing.T) {
	good := runtime.Publication{Envelope: fullEnvelope(), Group: "outer", MaxDepth: 1}
	callbacks := func(done, failed runtime.Publication) runtime.Group {
		return runtime.Group{ID: "g", Members: []string{"a"}, Done: &done, Failed: &failed}
	}
	for name, c := range map[string]struct {
		g  runtime.Group
		ok bool
	}{
		"good":               {runtime.Group{ID: "g", Members: []string{"a", "b"}}, true},
		"no id":              {runtime.Group{Members: []string{"a"}}, false},
		"no members":         {runtime.Group{ID: "g"}, false},
		"bad member":         {runtime.Group{ID: "g", Members: []string{"a b"}}, false},
		"the same one twice": {runtime.Group{ID: "g", Members: []string{"a", "a"}}, false},
		"callbacks":          {callbacks(good, good), true},
		"empty callback":     {callbacks(runtime.Publication{}, good), false},
		"unique callback":    {callbacks(good, runtime.Publication{Envelope: fullEnvelope(), Unique: &runtime.Unique{Key: "k"}}), false},
	} {
		err := c.g.Validate()
		if c.ok && err != nil || !c.ok && !errors.Is(err, runtime.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
