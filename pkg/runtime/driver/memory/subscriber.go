package memory

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// cursorKey is where a durable subscription keeps its place in a channel.
type cursorKey struct{ name, channel string }

// cursor is that place; it is forgotten when nobody has used it for long.
type cursor struct {
	key   cursorKey
	no    uint64
	used  time.Time
	timer int // in store.cursorKeeps
}

// useCursor moves a cursor to no, but never back.
func (s *store) useCursor(key cursorKey, no uint64) {
	c := s.cursors[key]
	if c == nil {
		c = &cursor{key: key}
		s.cursors[key] = c
	}
	s.cursorKeeps.remove(c)
	c.no, c.used = max(c.no, no), s.now
	s.cursorKeeps.push(c)
}

func (s *store) dropCursor(c *cursor) {
	s.cursorKeeps.remove(c)
	delete(s.cursors, c.key)
}

// subscriber reads channels, each from a position of its own.
type subscriber struct {
	session *session
	name    string
	read    map[string]uint64 // the last position that was read, by channel
	names   []string
	wake    chan struct{}
	done    chan struct{}
	once    sync.Once
}

// Subscribe opens a reader of channels.
func (p bus) Subscribe(ctx context.Context, sub runtime.Subscription) (runtime.Subscriber, error) {
	if len(sub.Channels) == 0 {
		return nil, runtime.Errorf(runtime.CodeInvalid, "subscribe: no channels are named")
	}
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	r := &subscriber{
		session: p.session, name: sub.Name, read: map[string]uint64{},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	for _, name := range sub.Channels {
		if _, twice := r.read[name]; twice {
			continue
		}
		c := p.channel(name)
		c.readers[r] = true
		r.names = append(r.names, name)
		r.read[name] = p.startOf(c, sub)
	}
	r.signal()
	return r, nil
}

// startOf returns the position behind which a subscription begins to read, and
// makes it durable when the subscription is.
func (s *store) startOf(c *channel, sub runtime.Subscription) uint64 {
	key := cursorKey{sub.Name, c.name}
	if c := s.cursors[key]; sub.Name != "" && c != nil {
		s.useCursor(key, c.no)
		return c.no
	}
	start := s.position
	if !sub.From.IsZero() {
		c.messages.upwards(fromOldest, func(no uint64, m *message) bool {
			if m.Sent.Before(sub.From) {
				return true
			}
			start = no - 1
			return false
		})
	}
	if sub.Name != "" {
		s.useCursor(key, start)
	}
	return start
}

func (r *subscriber) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Next blocks for the next messages.
func (r *subscriber) Next(ctx context.Context) ([]runtime.Message, error) {
	for {
		ms, err := r.take(ctx)
		if err != nil || len(ms) > 0 {
			return ms, err
		}
		select {
		case <-r.wake:
		case <-r.done:
			return nil, io.EOF
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.session.closed:
			return nil, errClosed()
		}
	}
}

// take reads what is there, at most 100, oldest first over all channels.
func (r *subscriber) take(ctx context.Context) ([]runtime.Message, error) {
	s := r.session
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.exit()
	select {
	case <-r.done:
		return nil, io.EOF
	default:
	}
	var out []runtime.Message
	for len(out) < 100 {
		m := r.oldest()
		if m == nil {
			break
		}
		r.read[m.Channel] = m.no
		msg := m.Message
		msg.Body = bytes.Clone(msg.Body)
		out = append(out, msg)
	}
	return out, nil
}

// oldest returns the next unread message of all channels, or nil.
func (r *subscriber) oldest() *message {
	s := r.session.store
	var oldest *message
	for _, name := range r.names {
		s.channels[name].messages.upwards(r.read[name], func(_ uint64, m *message) bool {
			if m.expired(s.now) {
				return true
			}
			if oldest == nil || m.no < oldest.no {
				oldest = m
			}
			return false
		})
	}
	return oldest
}

// Commit moves the durable cursor behind m, never back.
func (r *subscriber) Commit(ctx context.Context, m runtime.Message) error {
	if r.name == "" {
		return nil
	}
	s := r.session
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.exit()
	no, err := parseCursor(m.Position, 0)
	if err != nil {
		return err
	}
	s.useCursor(cursorKey{r.name, m.Channel}, no)
	return nil
}

// Close ends the subscription; a Next in progress returns io.EOF.
func (r *subscriber) Close() error {
	r.once.Do(func() {
		close(r.done)
		s := r.session.store
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, name := range r.names {
			c := s.channels[name]
			delete(c.readers, r)
			s.tidyChannel(c)
		}
	})
	return nil
}
