package memory

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// channel holds the messages of one channel, in the order they were sent.
type channel struct {
	name     string
	messages shelf[*message]
	byID     map[string]*message
	readers  map[*subscriber]bool
}

type message struct {
	runtime.Message
	no        uint64
	at        spot[*message]
	keepUntil time.Time
	timer     int // in store.messageKeeps
}

func (s *store) channel(name string) *channel {
	c := s.channels[name]
	if c == nil {
		c = &channel{name: name, byID: map[string]*message{}, readers: map[*subscriber]bool{}}
		s.channels[name] = c
	}
	return c
}

// Send stores messages and wakes subscribers; all of them or, when one is
// wrong, none.
func (p bus) Send(ctx context.Context, ms []runtime.Message) error {
	for _, m := range ms {
		if err := runtime.CheckID("message id", m.ID); err != nil {
			return err
		}
		if m.Channel == "" {
			return runtime.Errorf(runtime.CodeInvalid, "message "+m.ID+" has no channel")
		}
	}
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.exit()
	for _, m := range ms {
		p.send(m)
	}
	return nil
}

func (s *store) send(m runtime.Message) {
	c := s.channel(m.Channel)
	if c.byID[m.ID] != nil {
		return
	}
	s.position++
	m.Position = position(s.position)
	m.Body = bytes.Clone(m.Body)
	if m.Sent.IsZero() {
		m.Sent = s.now
	}
	stored := &message{Message: m, no: s.position, keepUntil: m.Expires}
	if m.Expires.IsZero() {
		stored.keepUntil = s.now.Add(runtime.KeepMessages)
	}
	stored.at = c.messages.put(stored.no, stored)
	c.byID[m.ID] = stored
	s.messageKeeps.push(stored)
	for r := range c.readers {
		r.signal()
	}
}

// position writes a number so that text compares as the numbers do.
func position(no uint64) string { return fmt.Sprintf("%020d", no) }

func (m *message) expired(now time.Time) bool { return !m.Expires.IsZero() && passed(m.Expires, now) }

// drop removes a message; the subscribers' positions stay where they are.
func (s *store) drop(m *message) {
	c := s.channels[m.Channel]
	s.messageKeeps.remove(m)
	delete(c.byID, m.ID)
	c.messages.remove(m.at)
	s.tidyChannel(c)
}

func (s *store) tidyChannel(c *channel) {
	if len(c.byID) == 0 && len(c.readers) == 0 {
		delete(s.channels, c.name)
	}
}

// Trim removes messages that were sent before a time.
func (p bus) Trim(ctx context.Context, channel string, before time.Time) (int, error) {
	if err := p.enter(ctx); err != nil {
		return 0, err
	}
	defer p.exit()
	n := 0
	for name, c := range p.channels {
		if channel != "" && channel != name {
			continue
		}
		for _, m := range c.byID {
			if m.Sent.Before(before) {
				p.drop(m)
				n++
			}
		}
	}
	return n, nil
}
