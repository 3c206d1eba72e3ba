package control

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Send broadcasts a command and gathers replies until expected workers have
// answered (0: all that are alive), or timeout has passed.
//
//   - Shapes: one reply a worker, in the order they came. Fewer than expected is
//     not an error; compare the counts.
//   - Errors: ErrUnavailable; ctx.Err().
func Send(ctx context.Context, b *runtime.Backend, c runtime.Command, expected int, timeout time.Duration) ([]runtime.Reply, error) {
	c.RequestID, c.IssuedAt, c.TimeoutMs = uuid.Must(uuid.NewV7()).String(), time.Now().UTC(), timeout.Milliseconds()
	if expected == 0 {
		workers, err := b.Heartbeats.List(ctx)
		if err != nil {
			return nil, fmt.Errorf("list workers: %w", err)
		}
		expected = len(workers)
	}
	body, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	// The inbox is open before the command goes out, so that no reply is missed.
	replies, err := b.Bus.Subscribe(ctx, runtime.Subscription{Channels: []string{runtime.ReplyChannel(c.RequestID)}})
	if err != nil {
		return nil, err
	}
	defer replies.Close()
	m := runtime.Message{ID: c.RequestID, Channel: runtime.ChannelControl, ReplyTo: runtime.ReplyChannel(c.RequestID), Body: body, Expires: c.IssuedAt.Add(timeout)}
	if err := b.Bus.Send(ctx, []runtime.Message{m}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return gather(ctx, replies, expected)
}

func gather(ctx context.Context, inbox runtime.Subscriber, expected int) ([]runtime.Reply, error) {
	var out []runtime.Reply
	seen := map[string]bool{}
	for len(out) < expected {
		ms, err := inbox.Next(ctx)
		if ctx.Err() == context.DeadlineExceeded {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		for _, m := range ms {
			var r runtime.Reply
			if json.Unmarshal(m.Body, &r) == nil && !seen[r.WorkerID] { // a reply of another version is no reply
				seen[r.WorkerID] = true
				out = append(out, r)
			}
		}
	}
	return out, nil
}
