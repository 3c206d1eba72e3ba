package handler

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

type logHost struct {
	runtime.Host
	lines []string
}

func (h *logHost) Log(line string) { h.lines = append(h.lines, line) }

// A program that asks and never listens must not stop its own requests.
func TestLinkToDeafProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &logHost{}
		l, unlink := newLink(context.Background(), &runtime.Task{Host: h})
		defer unlink()
		start := time.Now()
		l.read(strings.NewReader(strings.Repeat(`{"type":"heartbeat","id":"1"}`+"\n", 3*outbox)))
		if took := time.Since(start); took != patience {
			t.Errorf("took %s, want %s", took, patience)
		}
		l.notify(Message{Type: TypeSoft})
		if len(h.lines) != 2 || !strings.Contains(h.lines[0], "does not read descriptor 4") || !strings.Contains(h.lines[1], "soft notice dropped") {
			t.Errorf("logged %q", h.lines)
		}
	})
}

func TestLinkHeartbeatTellsWhy(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	l, unlink := newLink(ctx, &runtime.Task{Host: &logHost{}})
	defer unlink()
	<-l.out // the greeting
	l.serve(Message{Type: TypeHeartbeat, ID: json.RawMessage("1")})
	if r := <-l.out; r.Error != nil {
		t.Errorf("got %+v", r.Error)
	}
	cancel(runtime.CauseRevoked)
	l.serve(Message{Type: TypeHeartbeat, ID: json.RawMessage("2")})
	if r := <-l.out; r.Error == nil || r.Error.Message != runtime.CauseRevoked.Error() {
		t.Errorf("got %+v", r)
	}
}
