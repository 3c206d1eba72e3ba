package worker_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/runtimetest"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// The log tells of failures and of an outage's beginning and end, in one line
// each, and nothing of success.
func TestLog(t *testing.T) {
	inBubble(t, defs(task("ok", echo), task("flaky", failing(1, errBroken), retries(1)), task("bad", fails)), func(r *rig) {
		var out bytes.Buffer
		w := r.start(func(o *worker.Options) { o.Logger = slog.New(slog.NewJSONHandler(&out, nil)) })
		r.ended(r.enqueue(runtime.Request{Name: "ok"}), runtime.StateSucceeded)
		r.ended(r.enqueue(runtime.Request{Name: "flaky"}), runtime.StateSucceeded)
		bad := r.ended(r.enqueue(runtime.Request{Name: "bad"}), runtime.StateFailed)
		r.at(r.enqueue(runtime.Request{Name: "unknown"}), runtime.PlaceParked)
		r.faults.Fail("Broker.Receive", -1, runtimetest.Unavailable)
		r.ended(r.enqueue(runtime.Request{Name: "ok"}), runtime.StateSucceeded) // wakes the Receive in progress
		<-time.After(10 * time.Second)
		r.faults.Lift("")
		<-time.After(10 * time.Second)
		w.stop(runtime.DrainWarm)

		var lines []string
		for line := range strings.Lines(out.String()) {
			var l struct{ Level, Msg, Worker, Task, Reason, Error string }
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			if l.Worker != w.ID() || l.Msg == "task failed" && (l.Task != bad.ID || l.Reason != runtime.ReasonExhausted || l.Error != "broken") {
				t.Errorf("line is %s", line)
			}
			lines = append(lines, l.Level+" "+l.Msg)
		}
		want := []string{
			"INFO worker ready", "INFO task will be tried again", "WARN task failed", "WARN task parked, it is not known here",
			"WARN store does not answer", "INFO store answers again", "INFO worker stopping",
		}
		if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("logged:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
	})
}
