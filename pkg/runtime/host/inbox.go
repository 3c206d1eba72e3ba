package host

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	inboxPause    = 2 * time.Second // before the inbox is opened again
	replyExpires  = time.Minute
	replyPatience = 2 * time.Second
)

// readInbox hands operators' commands to the roles. Without the bus a host still
// works: directives and revocations reach it by the store.
func (h *Host) readInbox(ctx context.Context) {
	told := false
	for ctx.Err() == nil {
		err := h.readOnce(ctx, func() { told = false })
		if ctx.Err() != nil {
			return
		}
		if !told {
			h.o.Logger.Warn("commands cannot be read", "error", err)
			told = true
		}
		select {
		case <-time.After(inboxPause):
		case <-ctx.Done():
		}
	}
}

// readOnce reads commands until the subscription breaks; working is called when
// it does work.
func (h *Host) readOnce(ctx context.Context, working func()) error {
	inbox, err := h.o.Bus.Subscribe(ctx, runtime.Subscription{Channels: []string{runtime.ChannelControl}})
	if err != nil {
		return err
	}
	defer inbox.Close()
	for {
		ms, err := inbox.Next(ctx)
		if err != nil {
			return err
		}
		working()
		for _, m := range ms {
			h.receive(ctx, m)
		}
	}
}

// receive carries out one message, if it is a command for this process and not
// too old: one that was sent when nobody listened must not stop who comes later.
func (h *Host) receive(ctx context.Context, m runtime.Message) {
	var c runtime.Command
	if err := json.Unmarshal(m.Body, &c); err != nil || c.Type == "" {
		h.o.Logger.Warn("message on the control channel is no command", "message", m.ID)
		return
	}
	if len(c.Targets) > 0 && !slices.Contains(c.Targets, "*") && !slices.Contains(c.Targets, h.o.ID) {
		return
	}
	if late := h.now().Sub(c.IssuedAt); c.TimeoutMs > 0 && late > time.Duration(c.TimeoutMs)*time.Millisecond {
		h.o.Logger.Info("command dropped, it is too old", "type", c.Type, "age", late.Round(time.Millisecond))
		return
	}
	reply := runtime.Reply{RequestID: c.RequestID, WorkerID: h.o.ID, Status: "ok"}
	var err error
	if reply.Payload, err = h.carryOut(ctx, c); err != nil {
		reply.Status, reply.Error = "error", err.Error()
	}
	h.send(ctx, reply)
}

// carryOut does what a command says.
//
//   - Errors: ErrInvalid, ErrUnsupported for a type that nobody here knows; what
//     the role says.
func (h *Host) carryOut(ctx context.Context, c runtime.Command) (json.RawMessage, error) {
	switch c.Type {
	case runtime.CommandPing:
		return json.Marshal(h.pong())
	case runtime.CommandShutdown:
		return h.shutdown(c)
	}
	replies := map[string]json.RawMessage{}
	handled := false
	for _, r := range h.o.Roles {
		reply, mine, err := r.Apply(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("role %s: %w", r.Name(), err)
		}
		handled = handled || mine
		if reply != nil {
			replies[r.Name()] = reply
		}
	}
	if !handled {
		return nil, runtime.Errorf(runtime.CodeUnsupported, fmt.Sprintf("nobody here knows the command %q", c.Type))
	}
	return json.Marshal(replies)
}

// pong is the answer to a ping.
type pong struct {
	Timestamp time.Time             `json:"timestamp"`
	Roles     map[string]roleReport `json:"roles"`
}

type roleReport struct {
	Running  bool   `json:"running"`
	Draining string `json:"draining,omitempty"`
	Active   int    `json:"active"`
	Ready    bool   `json:"ready"`
	Reason   string `json:"reason,omitempty"`
}

func (h *Host) pong() pong {
	p := pong{Timestamp: h.now(), Roles: map[string]roleReport{}}
	for name, s := range h.State() {
		r := roleReport{Running: s.Running, Active: s.Active, Ready: s.Ready, Reason: s.Reason}
		if s.Draining != 0 {
			r.Draining = s.Draining.String()
		}
		p.Roles[name] = r
	}
	return p
}

// shutdown stops the whole process: payload {"mode": "warm" | "soft" | "hard"}.
func (h *Host) shutdown(c runtime.Command) (json.RawMessage, error) {
	var order struct {
		Mode string `json:"mode"`
	}
	if len(c.Payload) > 0 {
		if err := json.Unmarshal(c.Payload, &order); err != nil {
			return nil, &runtime.Error{Code: runtime.CodeInvalid, Message: "decode the payload of shutdown", Err: err}
		}
	}
	modes := map[string]runtime.DrainMode{"": runtime.DrainWarm, "warm": runtime.DrainWarm, "soft": runtime.DrainSoft, "hard": runtime.DrainHard}
	mode, ok := modes[order.Mode]
	if !ok {
		return nil, &runtime.Error{Code: runtime.CodeInvalid, Message: fmt.Sprintf("unknown shutdown mode %q", order.Mode), Hint: "use warm, soft or hard"}
	}
	status := "initiated"
	if h.stopping() >= mode {
		status = "in-progress"
	} else {
		h.o.Notify(fmt.Sprintf("stopping (%s), as %s has ordered: %s left", mode, cmp.Or(c.By, "somebody"), tasks(h.active())))
	}
	h.Stop(mode)
	return json.Marshal(map[string]any{"status": status, "mode": mode.String(), "active": h.active()})
}

// send replies to whoever asked. The id makes a repeat of the command, which may
// come twice, answer once.
func (h *Host) send(ctx context.Context, r runtime.Reply) {
	if r.RequestID == "" {
		return
	}
	body, err := json.Marshal(r)
	if err == nil {
		// The answer to a shutdown must get out although the host is stopping.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replyPatience)
		defer cancel()
		now := h.now()
		err = h.o.Bus.Send(ctx, []runtime.Message{{
			ID: replyID(r), Channel: runtime.ReplyChannel(r.RequestID), Body: body, Sent: now, Expires: now.Add(replyExpires),
		}})
	}
	if err != nil {
		h.o.Logger.Warn("reply could not be sent", "request", r.RequestID, "error", err)
	}
}

// replyID is a valid id whatever the name of the worker, which may hold more
// kinds of characters and be as long as an id by itself.
func replyID(r runtime.Reply) string {
	sum := sha256.Sum256([]byte(r.RequestID + " " + r.WorkerID))
	return "reply-" + hex.EncodeToString(sum[:16])
}
