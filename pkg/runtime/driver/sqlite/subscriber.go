package sqlite

import (
	"context"
	"io"
	"slices"
	"strconv"
	"sync"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// subscriber reads channels, each from a position of its own.
type subscriber struct {
	store *store
	name  string
	read  map[string]int64 // the last position that was read, by channel
	done  chan struct{}
	once  sync.Once
}

// Subscribe opens a reader of channels.
func (p bus) Subscribe(ctx context.Context, sub runtime.Subscription) (runtime.Subscriber, error) {
	if len(sub.Channels) == 0 {
		return nil, runtime.Errorf(runtime.CodeInvalid, "subscribe: no channels are named")
	}
	p.listen()
	read, err := p.starts(ctx, sub)
	if err != nil {
		return nil, err
	}
	return &subscriber{store: p.store, name: sub.Name, read: read, done: make(chan struct{})}, nil
}

// starts finds where a subscription begins to read. Only a durable one has to
// write that down.
func (p bus) starts(ctx context.Context, sub runtime.Subscription) (map[string]int64, error) {
	if sub.Name != "" {
		return write(ctx, p.store, "subscribe", func(s *step) (map[string]int64, error) {
			for _, channel := range sub.Channels {
				start, err := startOf(s, channel, sub)
				if err != nil {
					return nil, err
				}
				_, err = s.exec(`
INSERT INTO stem_cursors (name, channel, position, used) VALUES (?, ?, ?, ?)
ON CONFLICT (name, channel) DO UPDATE SET used = excluded.used`, sub.Name, channel, start, s.now)
				if err != nil {
					return nil, err
				}
			}
			return cursorsOf(s, sub)
		})
	}
	read := map[string]int64{}
	err := p.store.read(ctx, "subscribe", func(q session) (err error) {
		for _, channel := range sub.Channels {
			if read[channel], err = startOf(q, channel, sub); err != nil {
				return err
			}
		}
		return nil
	})
	return read, err
}

// startOf returns the position behind which a new subscription begins: that of
// the newest message, or, from a time on, that before the first one sent then.
func startOf(q session, channel string, sub runtime.Subscription) (start int64, err error) {
	_, err = one(q, `SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'stem_messages'`, func(r row) { start = r.int(0) })
	if err != nil || sub.From.IsZero() {
		return start, err
	}
	_, err = one(q, `SELECT position - 1 FROM stem_messages WHERE channel = ? AND sent >= ? ORDER BY position LIMIT 1`,
		func(r row) { start = r.int(0) }, channel, sub.From.UnixMicro())
	return start, err
}

func cursorsOf(q session, sub runtime.Subscription) (map[string]int64, error) {
	read := map[string]int64{}
	err := q.query(`SELECT channel, position FROM stem_cursors WHERE name = ?`, func(r row) error {
		if slices.Contains(sub.Channels, r.str(0)) {
			read[r.str(0)] = r.int(1)
		}
		return nil
	}, sub.Name)
	return read, err
}

// Next blocks for the next messages.
func (r *subscriber) Next(ctx context.Context) ([]runtime.Message, error) {
	for {
		rung := r.store.bells.bus.wait() // before the look, so that nothing falls in between
		select {
		case <-r.done:
			return nil, io.EOF
		default:
		}
		ms, err := r.take(ctx)
		if err != nil || len(ms) > 0 {
			return ms, err
		}
		select {
		case <-rung:
		case <-r.done:
			return nil, io.EOF
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.store.closed:
			return nil, errClosed()
		}
	}
}

const maxMessages = 100 // in one Next

// take reads what is there, oldest first over all channels.
func (r *subscriber) take(ctx context.Context) ([]runtime.Message, error) {
	var out []runtime.Message
	now := r.store.clock.Now().UnixMicro()
	err := r.store.read(ctx, "read messages", func(q session) error {
		for channel, after := range r.read {
			ms, err := unread(q, channel, after, now)
			if err != nil {
				return err
			}
			out = append(out, ms...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b runtime.Message) int { return int(positionOf(a) - positionOf(b)) })
	out = out[:min(len(out), maxMessages)]
	for _, m := range out {
		r.read[m.Channel] = positionOf(m)
	}
	return out, nil
}

const readMessages = `
SELECT position, id, reply_to, body, sent, expires FROM stem_messages
WHERE channel = ? AND position > ? AND (expires IS NULL OR expires > ?) ORDER BY position LIMIT ?`

func unread(q session, channel string, after, now int64) ([]runtime.Message, error) {
	var out []runtime.Message
	err := q.query(readMessages, func(r row) error {
		out = append(out, runtime.Message{
			ID: r.str(1), Channel: channel, ReplyTo: r.str(2), Position: position(r.int(0)),
			Body: r.bytes(3), Sent: r.time(4), Expires: r.time(5),
		})
		return nil
	}, channel, after, now, maxMessages)
	return out, err
}

func positionOf(m runtime.Message) int64 {
	n, _ := strconv.ParseInt(m.Position, 10, 64) // written by position
	return n
}

// Commit moves the durable cursor behind m, never back.
func (r *subscriber) Commit(ctx context.Context, m runtime.Message) error {
	if r.name == "" {
		return nil
	}
	at, err := parseCursor(m.Position, 0)
	if err != nil {
		return err
	}
	return r.store.write(ctx, "commit position", func(s *step) error {
		_, err := s.exec(`
INSERT INTO stem_cursors (name, channel, position, used) VALUES (?, ?, ?, ?)
ON CONFLICT (name, channel) DO UPDATE SET position = max(position, excluded.position), used = excluded.used`,
			r.name, m.Channel, at, s.now)
		return err
	})
}

// Close ends the subscription; a Next in progress returns io.EOF.
func (r *subscriber) Close() error {
	r.once.Do(func() { close(r.done) })
	return nil
}
