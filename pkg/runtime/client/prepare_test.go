package client_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/codec"
)

func TestPreparePlain(t *testing.T) {
	c := preparer(client.Options{Registry: registry(t, runtime.Definition{Name: "mail.send"})})
	p := prepare(t, c, runtime.Request{ID: "id-1", Name: "mail.send", Args: json.RawMessage(` {"to": "ann"} `)})
	want := runtime.Publication{Envelope: &runtime.Envelope{
		ID: "id-1", Name: "mail.send", Args: json.RawMessage(`{"to": "ann"}`), EnqueuedAt: noon, Queue: "default",
	}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v %+v\nwant %+v", p, p.Envelope, want.Envelope)
	}
}

func TestPrepareLayers(t *testing.T) {
	c := preparer(client.Options{
		Registry:      registry(t, runtime.Definition{Name: "mail.send", Options: runtime.TaskOptions{Queue: new("mail"), MaxRetries: new(3), Expires: new(time.Hour)}}),
		Defaults:      runtime.TaskOptions{Queue: new("slow"), Priority: new(2), VisibilityTimeout: new(time.Minute)},
		MaxQueueDepth: map[string]int{"mail": 10},
	})
	p := prepare(t, c, runtime.Request{Name: "mail.send", Options: runtime.TaskOptions{Priority: new(9)}})
	e := p.Envelope
	if e.Queue != "mail" || e.Priority != 9 || e.MaxRetries != 3 || e.VisibilityTimeout != time.Minute || p.MaxDepth != 10 {
		t.Errorf("got %+v, depth %d", e, p.MaxDepth)
	}
	if !p.ExpiresAt.Equal(noon.Add(time.Hour)) || meta(p, runtime.MetaExpiresAt) != `"2026-05-04T13:00:00Z"` {
		t.Errorf("expires %s, %s", p.ExpiresAt, meta(p, runtime.MetaExpiresAt))
	}
	if p := prepare(t, c, runtime.Request{Name: "other"}); p.Envelope.Queue != "slow" || p.MaxDepth != 0 {
		t.Errorf("a task without a definition: %+v, depth %d", p.Envelope, p.MaxDepth)
	}
}

// Ids sort in the order in which they were minted, also by many goroutines
// within a millisecond.
func TestMintedIDs(t *testing.T) {
	c := preparer(client.Options{})
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for range 4 {
		all.Go(func() {
			last := ""
			for range 500 {
				p, err := c.Prepare(t.Context(), runtime.Request{Name: "x"})
				if err != nil {
					t.Error(err)
					return
				}
				id := p.Envelope.ID
				if id <= last || runtime.CheckID("id", id) != nil {
					t.Errorf("%s after %s", id, last)
				}
				last = id
				mu.Lock()
				if seen[id] {
					t.Errorf("%s was minted twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

func TestPrepareTimes(t *testing.T) {
	c := preparer(client.Options{})
	cases := map[string]struct {
		r            runtime.Request
		due, tooLate time.Time
	}{
		"at once":             {runtime.Request{}, time.Time{}, time.Time{}},
		"delay":               {runtime.Request{Delay: time.Minute}, noon.Add(time.Minute), time.Time{}},
		"at":                  {runtime.Request{At: noon.Add(time.Hour)}, noon.Add(time.Hour), time.Time{}},
		"at wins":             {runtime.Request{At: noon.Add(time.Hour), Delay: time.Minute}, noon.Add(time.Hour), time.Time{}},
		"at in another zone":  {runtime.Request{At: noon.Add(time.Hour).In(time.FixedZone("x", 7200))}, noon.Add(time.Hour), time.Time{}},
		"the past is at once": {runtime.Request{At: noon.Add(-time.Hour)}, time.Time{}, time.Time{}},
		"expires":             {runtime.Request{Options: runtime.TaskOptions{Expires: new(time.Minute)}}, time.Time{}, noon.Add(time.Minute)},
		"expires after it is due": {
			runtime.Request{Delay: time.Hour, Options: runtime.TaskOptions{Expires: new(time.Minute)}},
			noon.Add(time.Hour), noon.Add(61 * time.Minute),
		},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			x.r.Name = "x"
			p := prepare(t, c, x.r)
			if p.NotBefore != x.due || p.Envelope.NotBefore != x.due || p.ExpiresAt != x.tooLate {
				t.Errorf("due %s (%s), expires %s", p.NotBefore, p.Envelope.NotBefore, p.ExpiresAt)
			}
		})
	}
}

func TestPrepareEncodesArgs(t *testing.T) {
	c := preparer(client.Options{})
	args := json.RawMessage(`{"to":"ann"}`)
	p := prepare(t, c, runtime.Request{Name: "x", Args: args, Options: runtime.TaskOptions{Encoding: new("gzip")}})
	if p.Envelope.Headers[runtime.HeaderArgsEncoder] != "gzip" || !strings.HasPrefix(string(p.Envelope.Args), `{"gzip":`) {
		t.Fatalf("got %s, %v", p.Envelope.Args, p.Envelope.Headers)
	}
	var codecs *codec.Registry
	if got, err := codecs.DecodeArgs("gzip", p.Envelope.Args); err != nil || string(got) != string(args) {
		t.Errorf("decoded %s, %v", got, err)
	}
	if p := prepare(t, c, runtime.Request{Name: "x"}); string(p.Envelope.Args) != "{}" {
		t.Errorf("no arguments are %s", p.Envelope.Args)
	}
}

// W33: an encoding that nobody knows is refused where it is asked for.
func TestUnknownEncodingW33(t *testing.T) {
	c := preparer(client.Options{})
	_, err := c.Prepare(t.Context(), runtime.Request{Name: "x", Options: runtime.TaskOptions{Encoding: new("brotli")}})
	var unknown *codec.UnknownError
	if !errors.As(err, &unknown) || unknown.ID != "brotli" || !slices.Contains(unknown.Known, "gzip") || runtime.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	c := preparer(client.Options{MaxArgsBytes: 100})
	long := `{"x":"` + strings.Repeat("y", 100) + `"}`
	cases := map[string]struct {
		r     runtime.Request
		words []string
	}{
		"no name":                 {runtime.Request{Name: ""}, []string{"task name is empty"}},
		"control in the name":     {runtime.Request{Name: "a\x1b[31mb"}, []string{`task name "a\x1b[31mb"`, "use letters"}},
		"name too long":           {runtime.Request{Name: strings.Repeat("n", 129)}, []string{"129 characters"}},
		"bad id":                  {runtime.Request{Name: "x", ID: "a b"}, []string{"task id"}},
		"bad queue":               {runtime.Request{Name: "x", Options: runtime.TaskOptions{Queue: new("q\n")}}, []string{"queue"}},
		"args an array":           {runtime.Request{Name: "x", Args: json.RawMessage(`[1]`)}, []string{"an array, not an object", "wrap"}},
		"args a string":           {runtime.Request{Name: "x", Args: json.RawMessage(`"a"`)}, []string{"a string, not an object"}},
		"args a number":           {runtime.Request{Name: "x", Args: json.RawMessage(`-1.5`)}, []string{"a number, not an object"}},
		"args true":               {runtime.Request{Name: "x", Args: json.RawMessage(`true`)}, []string{"a boolean, not an object"}},
		"args null":               {runtime.Request{Name: "x", Args: json.RawMessage(`null`)}, []string{"null, not an object"}},
		"args not json":           {runtime.Request{Name: "x", Args: json.RawMessage(`{to: ann}`)}, []string{"not JSON", "invalid character 't'", "one JSON object"}},
		"args two objects":        {runtime.Request{Name: "x", Args: json.RawMessage(`{} {}`)}, []string{"not JSON"}},
		"args not text":           {runtime.Request{Name: "x", Args: json.RawMessage("{\"a\":\"\xff\"}")}, []string{"UTF-8", "base64"}},
		"args too large":          {runtime.Request{Name: "x", Args: json.RawMessage(long)}, []string{"108 bytes", "limit is 100", "reference"}},
		"meta too large":          {runtime.Request{Name: "x", Meta: map[string]any{"m": long}}, []string{"headers, meta and links are", "limit is 100"}},
		"meta not JSON":           {runtime.Request{Name: "x", Meta: map[string]any{"m": func() {}}}, []string{"encode meta m"}},
		"meta of stem's":          {runtime.Request{Name: "x", Meta: map[string]any{"stem.timeLimitMs": 1}}, []string{"stem.timeLimitMs is reserved"}},
		"meta of old":             {runtime.Request{Name: "x", Meta: map[string]any{"__stemX": 1}}, []string{"reserved"}},
		"header of stem's":        {runtime.Request{Name: "x", Headers: map[string]string{"stem-args-encoder": "gzip"}}, []string{"stem-args-encoder is reserved", "choose another"}},
		"header without a name":   {runtime.Request{Name: "x", Headers: map[string]string{"": "v"}}, []string{"without a name"}},
		"control in a header":     {runtime.Request{Name: "x", Headers: map[string]string{"a\nb": "v"}}, []string{"control character"}},
		"header name too long":    {runtime.Request{Name: "x", Headers: map[string]string{strings.Repeat("é", 100): "v"}}, []string{"longer than 128"}},
		"header not text":         {runtime.Request{Name: "x", Headers: map[string]string{"a": "\xff"}}, []string{"UTF-8"}},
		"delay negative":          {runtime.Request{Name: "x", Delay: -time.Second}, []string{"delay -1s is negative"}},
		"due in the year 12345":   {runtime.Request{Name: "x", At: time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)}, []string{"year 12345"}},
		"priority":                {runtime.Request{Name: "x", Options: runtime.TaskOptions{Priority: new(10)}}, []string{"priority 10", "0 to 9"}},
		"retries negative":        {runtime.Request{Name: "x", Options: runtime.TaskOptions{MaxRetries: new(-1)}}, []string{"max retries -1"}},
		"hard limit negative":     {runtime.Request{Name: "x", Options: runtime.TaskOptions{HardLimit: new(-time.Second)}}, []string{"hard limit is negative"}},
		"concurrency negative":    {runtime.Request{Name: "x", Options: runtime.TaskOptions{Concurrency: new(-1)}}, []string{"concurrency -1"}},
		"unique key too long":     {runtime.Request{Name: "x", Options: runtime.TaskOptions{Unique: &runtime.UniqueOptions{Key: strings.Repeat("k", 257)}}}, []string{"unique key"}},
		"control in a unique key": {runtime.Request{Name: "x", Options: runtime.TaskOptions{Unique: &runtime.UniqueOptions{Key: "a\x00"}}}, []string{"unique key"}},
		"unique hold negative":    {runtime.Request{Name: "x", Options: runtime.TaskOptions{Unique: &runtime.UniqueOptions{For: -1}}}, []string{"unique for"}},
		"unique without good args": {
			runtime.Request{Name: "x", Args: json.RawMessage(`[`), Options: runtime.TaskOptions{Unique: &runtime.UniqueOptions{}}}, []string{"not JSON"},
		},
		"a link that is wrong": {runtime.Request{Name: "x", Link: []runtime.Request{{Name: "y", Delay: -1}}}, []string{`enqueue "y"`, "negative"}},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := c.Prepare(t.Context(), x.r)
			refused(t, err, append(x.words, "enqueue ")...)
			if p.Envelope != nil {
				t.Error("a refused request was prepared")
			}
		})
	}
}

func TestDefaultsThatAreWrong(t *testing.T) {
	c := preparer(client.Options{Defaults: runtime.TaskOptions{MaxRetries: new(-3)}})
	_, err := c.Prepare(t.Context(), runtime.Request{Name: "x"})
	refused(t, err, "default options", "max retries -3")
}

// The caller's maps are its own: what Prepare adds does not show in them.
func TestPrepareLeavesTheRequestAlone(t *testing.T) {
	c := preparer(client.Options{})
	headers := map[string]string{"a": "1"}
	p := prepare(t, c, runtime.Request{Name: "x", Headers: headers, Options: runtime.TaskOptions{Encoding: new("gzip")}})
	p.Envelope.Headers["b"] = "2"
	if !reflect.DeepEqual(headers, map[string]string{"a": "1"}) {
		t.Errorf("the caller's headers are now %v", headers)
	}
}
