package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

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
	return p.write(ctx, "send messages", func(s *step) error {
		s.rings |= bellBus | bellOthers
		for i := range ms {
			if err := s.send(&ms[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *step) send(m *runtime.Message) error {
	sent := s.now
	if !m.Sent.IsZero() {
		sent = m.Sent.UnixMicro()
	}
	keep := s.now + runtime.KeepMessages.Microseconds()
	if !m.Expires.IsZero() {
		keep = m.Expires.UnixMicro()
	}
	_, err := s.exec(`
INSERT INTO stem_messages (channel, id, reply_to, body, sent, expires, keep_until) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (channel, id) DO NOTHING`, m.Channel, m.ID, text(m.ReplyTo), m.Body, sent, micros(m.Expires), keep)
	return err
}

// Trim removes messages that were sent before a time.
func (p bus) Trim(ctx context.Context, channel string, before time.Time) (int, error) {
	return write(ctx, p.store, "trim messages", func(s *step) (int, error) {
		n, err := s.exec(`DELETE FROM stem_messages WHERE (?1 = '' OR channel = ?1) AND sent < ?2`, channel, before.UnixMicro())
		return int(n), err
	})
}

// position writes a number so that text compares as the numbers do.
func position(n int64) string { return fmt.Sprintf("%020d", n) }
