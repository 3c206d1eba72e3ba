//go:build unix

package handler_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/handler"
)

// talk runs a program that sends lines on descriptor 3 and returns as many
// replies as it asks for, without the greeting.
func talk(t *testing.T, task *runtime.Task, replies int, lines ...string) []handler.Message {
	t.Helper()
	script := "read -r hello <&4\n"
	for _, l := range lines {
		script += "printf '%s\\n' '" + l + "' >&3\n"
	}
	for range replies {
		script += "read -r r <&4; printf '%s\\n' \"$r\"\n"
	}
	out, err := sh(t, handler.ExecSpec{Result: "text"}, script)(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	if err := json.Unmarshal(out, &text); err != nil {
		t.Fatal(err)
	}
	var got []handler.Message
	for line := range strings.Lines(text) {
		var m handler.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		got = append(got, m)
	}
	return got
}

func TestProtocolRequests(t *testing.T) {
	task, h := newTask(`{}`)
	got := talk(t, task, 5,
		`{"type":"progress","percent":25}`,
		`{"type":"progress","id":"a","percent":50,"data":{"row":7}}`,
		`{"type":"heartbeat","id":17}`, // a number comes back as one
		`{"type":"extend","id":"c","by":"1d"}`,
		`{"type":"log","line":"from the program"}`,
		`{"type":"enqueue","id":"d","tasks":[{"name":"mail.send","args":{"to":1},"queue":"mail","priority":3,"maxRetries":2,"delay":"5m","expires":"1h","unique":{"for":"10m","replace":true}},{"name":"b"}]}`,
		`{"type":"enqueue","id":"e","tasks":[{"name":"x","delay":"soon"}]}`,
	)
	for i, id := range []string{`"a"`, `17`, `"c"`, `"d"`, `"e"`} {
		if got[i].Type != handler.TypeReply || string(got[i].ID) != id || (got[i].Error != nil) != (i == 4) {
			t.Errorf("reply %d is %+v (error %+v)", i, got[i], got[i].Error)
		}
	}
	if r := got[3].Results; len(r) != 2 || r[0] != (handler.ChildResult{Status: "accepted", ID: "child-0"}) {
		t.Errorf("results %+v", r)
	}
	if e := got[4].Error; e == nil || e.Code != runtime.CodeInvalid || !strings.Contains(e.Message, `task 0 (x): bad duration "soon"`) || e.Hint == "" {
		t.Errorf("error %+v", e)
	}
	if !slices.Equal(h.progress, []float64{25, 50}) || !slices.Equal(h.extended, []time.Duration{24 * time.Hour}) || !h.hasLine("from the program") {
		t.Errorf("the host heard %v %v %q", h.progress, h.extended, h.logs)
	}
	first := h.enqueued[0]
	if o := first.Options; first.Name != "mail.send" || string(first.Args) != `{"to":1}` || first.Delay != 5*time.Minute ||
		*o.Queue != "mail" || *o.Priority != 3 || *o.MaxRetries != 2 || *o.Expires != time.Hour || *o.Unique != (runtime.UniqueOptions{For: 10 * time.Minute, Replace: true}) {
		t.Errorf("enqueued %+v", first)
	}
}

func TestProtocolErrors(t *testing.T) {
	task, h := newTask(`{}`)
	h.fail = &runtime.Error{Code: runtime.CodeLeaseLost, Message: "the task is another worker's"}
	got := talk(t, task, 4,
		`{"type":"progress","id":"a","percent":50}`,
		`{"type":"progress","id":"b","percent":101}`,
		`{"type":"dance","id":"c"}`,
		`{"type":"enqueue","id":"d","tasks":[{"name":"x"}]}`,
		`{"type":"progress","percent":1}`,
		`this is not JSON`,
		``,
		`{"type":"log","line":{"not":"a string"}}`,
	)
	for i, want := range []runtime.Code{runtime.CodeLeaseLost, runtime.CodeInvalid, runtime.CodeUnsupported, runtime.CodeLeaseLost} {
		if e := got[i].Error; e == nil || e.Code != want || e.Message == "" {
			t.Errorf("reply %d: %+v, want %s", i, e, want)
		}
	}
	for _, want := range []string{"stem: progress: the task is another", "malformed line on descriptor 3: invalid character", "malformed line on descriptor 3: json: cannot unmarshal object"} {
		if !h.hasLine(want) {
			t.Errorf("no %q in %q", want, h.logs)
		}
	}
}

func TestProtocolGreeting(t *testing.T) {
	task, _ := newTask(`{}`)
	out, err := sh(t, handler.ExecSpec{}, `read -r hello <&4; echo "$hello"`)(t.Context(), task)
	if err != nil || string(out) != `{"type":"hello","version":1}` {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestProtocolBadLinesAreBounded(t *testing.T) {
	task, h := newTask(`{}`)
	script := `head -c 3000000 /dev/zero | tr '\0' x >&3; echo >&3; yes | head -n 1000 >&3; echo '{"type":"progress","percent":9}' >&3`
	if _, err := sh(t, handler.ExecSpec{}, script)(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if n := len(h.lines()); n != 10 {
		t.Errorf("%d complaints logged, want 10", n)
	}
	if !h.hasLine("more than 1048576 bytes") || !slices.Equal(h.progress, []float64{9}) {
		t.Errorf("heard %v, %q", h.progress, h.lines())
	}
}

// Requests that lie in the pipe when the program ends are carried out.
func TestProtocolLastRequests(t *testing.T) {
	task, h := newTask(`{}`)
	script := `for i in 1 2 3 4 5 6 7 8 9; do echo '{"type":"enqueue","tasks":[{"name":"child"}]}' >&3; done`
	if _, err := sh(t, handler.ExecSpec{}, script)(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if len(h.enqueued) != 9 {
		t.Errorf("%d of 9 children", len(h.enqueued))
	}
}

func ExampleMessage() {
	line, _ := json.Marshal(handler.Message{Type: handler.TypeProgress, ID: json.RawMessage(`"1"`), Percent: 50, Data: json.RawMessage(`{"row":7}`)})
	fmt.Println(string(line))
	// Output: {"type":"progress","id":"1","percent":50,"data":{"row":7}}
}
