package client_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

// FuzzPrepare: a request is either refused with a code or becomes what every
// store takes and every worker can read.
func FuzzPrepare(f *testing.F) {
	f.Add("mail.send", "id-1", "mail", []byte(`{"a":[1,{}]}`), "tenant", "acme", "note", 3, int64(time.Minute), int64(time.Hour), "key", "gzip")
	f.Add("a\x00", "", "", []byte(`[`), "stem-x", "\xff", "stem.x", -1, int64(-5), int64(-5), "\n", "brotli")
	f.Add("x", "", "q", []byte(" {\"\\u0000\":1} \n"), "a", "\x1b[31m", "m", 9, int64(0), int64(1), "", "json")
	f.Fuzz(func(t *testing.T, name, id, queue string, args []byte, header, value, metaKey string, n int, delay, expires int64, key, encoding string) {
		c := preparer(client.Options{MaxArgsBytes: 4096, MaxQueueDepth: map[string]int{queue: n}})
		o := runtime.TaskOptions{
			Queue: &queue, Priority: &n, MaxRetries: &n, Expires: new(time.Duration(expires)), HardLimit: new(time.Duration(delay)),
			Unique: &runtime.UniqueOptions{Key: key}, Encoding: &encoding,
		}
		p, err := c.Prepare(t.Context(), runtime.Request{
			ID: id, Name: name, Args: args, Headers: map[string]string{header: value}, Meta: map[string]any{metaKey: value},
			Delay: time.Duration(delay), Options: o, Link: []runtime.Request{{Name: name, Delay: time.Duration(delay)}},
		})
		if err != nil {
			if runtime.CodeOf(err) == "" {
				t.Fatalf("error without a code: %v", err)
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("a store would refuse it: %v", err)
		}
		wire, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back runtime.Publication
		if err := json.Unmarshal(wire, &back); err != nil {
			t.Fatalf("%v\n%s", err, wire)
		}
		if _, err := client.Effective(back.Envelope, runtime.TaskOptions{}, runtime.TaskOptions{}); err != nil {
			t.Fatal(err)
		}
		ps, err := client.Links(back.Envelope, runtime.MetaLink, noon)
		if err != nil || len(ps) != 1 {
			t.Fatalf("%d links, %v", len(ps), err)
		}
		if err := ps[0].Validate(); err != nil {
			t.Fatalf("a store would refuse the link: %v", err)
		}
	})
}
