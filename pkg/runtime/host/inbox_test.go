package host_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

var requests int

// order sends a command and returns the reply, or a zero one when none comes.
func (s *stage) order(c runtime.Command) runtime.Reply {
	s.t.Helper()
	requests++
	c.RequestID = fmt.Sprintf("req-%d", requests)
	if c.IssuedAt.IsZero() {
		c.IssuedAt = time.Now()
	}
	inbox, err := s.bus.Subscribe(s.t.Context(), runtime.Subscription{Channels: []string{runtime.ReplyChannel(c.RequestID)}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer inbox.Close()
	body, err := json.Marshal(c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(c.RequestID, body)
	replies := make(chan runtime.Reply, 1)
	go func() {
		defer close(replies)
		ms, err := inbox.Next(s.t.Context())
		if err != nil {
			return
		}
		var r runtime.Reply
		if err := json.Unmarshal(ms[0].Body, &r); err == nil {
			replies <- r
		}
	}()
	select {
	case r := <-replies:
		return r
	case <-time.After(10 * time.Second):
		inbox.Close()
		return runtime.Reply{}
	}
}

func (s *stage) send(id string, body []byte) {
	s.t.Helper()
	if err := s.bus.Send(s.t.Context(), []runtime.Message{{ID: id, Channel: runtime.ChannelControl, Body: body, Sent: time.Now()}}); err != nil {
		s.t.Fatal(err)
	}
}

func TestCommands(t *testing.T) {
	var worker, beat *fake
	play(t, func(t *testing.T, s *stage) {
		r := s.order(runtime.Command{Type: runtime.CommandPing})
		if r.Status != "ok" || r.WorkerID != "web/1" || !strings.Contains(string(r.Payload), `"worker":{"running":true,"active":0,"ready":true}`) {
			t.Errorf("ping: %+v %s", r, r.Payload)
		}
		r = s.order(runtime.Command{Type: runtime.CommandStats, Targets: []string{"other", "web/1"}})
		if r.Status != "ok" || string(r.Payload) != `{"beat":{"n":1},"worker":{"n":1}}` {
			t.Errorf("stats: %+v %s", r, r.Payload)
		}
		r = s.order(runtime.Command{Type: runtime.CommandRefresh, Targets: []string{"*"}})
		if r.Status != "ok" || beat.applied[len(beat.applied)-1] != runtime.CommandRefresh {
			t.Errorf("refresh: %+v", r)
		}
		if r = s.order(runtime.Command{Type: "boom"}); r.Status != "error" || !strings.Contains(r.Error, "it went wrong") {
			t.Errorf("a command that fails: %+v", r)
		}
		if r = s.order(runtime.Command{Type: "pnig"}); r.Status != "error" || !strings.Contains(r.Error, "pnig") {
			t.Errorf("unknown command: %+v", r)
		}
		if r = s.order(runtime.Command{Type: runtime.CommandPing, Targets: []string{"other"}}); r.Status != "" {
			t.Errorf("a command for another: %+v", r)
		}
		s.send("noise", []byte("not a command"))
		if r = s.order(runtime.Command{Type: runtime.CommandPing}); r.Status != "ok" {
			t.Errorf("after a broken message: %+v", r)
		}
		s.Stop(runtime.DrainHard)
		<-s.done
	}, func() []runtime.Role {
		worker, beat = newFake("worker"), newFake("beat")
		return []runtime.Role{worker, beat}
	})
}

func TestShutdownByCommand(t *testing.T) {
	var worker *fake
	play(t, func(t *testing.T, s *stage) {
		r := s.order(runtime.Command{Type: runtime.CommandShutdown, Payload: json.RawMessage(`{"mode":"sometime"}`)})
		if r.Status != "error" || !strings.Contains(r.Error, "sometime") {
			t.Errorf("unknown mode: %+v", r)
		}
		r = s.order(runtime.Command{Type: runtime.CommandShutdown, By: "ann"})
		if r.Status != "ok" || string(r.Payload) != `{"active":4,"mode":"warm","status":"initiated"}` {
			t.Errorf("warm: %+v %s", r, r.Payload)
		}
		if got := s.last(); got != "stopping (warm), as ann has ordered: 4 tasks left" {
			t.Errorf("told %q", got)
		}
		r = s.order(runtime.Command{Type: runtime.CommandShutdown})
		if string(r.Payload) != `{"active":4,"mode":"warm","status":"in-progress"}` {
			t.Errorf("warm again: %+v %s", r, r.Payload)
		}
		r = s.order(runtime.Command{Type: runtime.CommandShutdown, Payload: json.RawMessage(`{"mode":"soft"}`)})
		if r.Status != "ok" { // the reply gets out although the host is gone
			t.Errorf("soft: %+v", r)
		}
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	}, func() []runtime.Role {
		worker = newFake("worker")
		worker.obeys, worker.active = runtime.DrainSoft, 4
		return []runtime.Role{worker}
	})
}

// W1b: a command that was sent when nobody listened, or took too long, does not
// stop who comes later.
func TestStaleCommandsAreDropped(t *testing.T) {
	var worker *fake
	play(t, func(t *testing.T, s *stage) {
		r := s.order(runtime.Command{Type: runtime.CommandShutdown, IssuedAt: time.Now().Add(-6 * time.Second), TimeoutMs: 5000})
		synctest.Wait()
		if r.Status != "" || !worker.State().Running {
			t.Errorf("a stale command was obeyed: %+v", r)
		}
		if r = s.order(runtime.Command{Type: runtime.CommandPing, IssuedAt: time.Now().Add(-4 * time.Second), TimeoutMs: 5000}); r.Status != "ok" {
			t.Errorf("a fresh command was dropped: %+v", r)
		}
		s.Stop(runtime.DrainHard)
		<-s.done
	}, func() []runtime.Role { worker = newFake("worker"); return []runtime.Role{worker} })
}
