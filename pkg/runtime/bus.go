package runtime

import (
	"context"
	"io"
	"time"
)

// Bus carries messages to everybody who subscribes: a true broadcast, not a
// queue with competing readers.
type Bus interface {
	// Send stores messages and wakes subscribers. An ID that the channel holds
	// already is not stored again.
	//
	//   - Errors: ErrInvalid, ErrUnavailable.
	Send(ctx context.Context, ms []Message) error

	// Subscribe opens a reader of channels.
	//
	//   - Errors: ErrInvalid, ErrUnavailable.
	Subscribe(ctx context.Context, s Subscription) (Subscriber, error)

	// Trim removes messages of channel that were sent before a time, and returns
	// how many; "" is every channel.
	//
	//   - Errors: ErrUnavailable.
	Trim(ctx context.Context, channel string, before time.Time) (int, error)
}

// How long the bus keeps what nobody ends; then Recover removes it.
const (
	// KeepMessages is for a message without Expires, from when it was sent.
	KeepMessages = 7 * 24 * time.Hour
	// KeepCursors is for a durable cursor, from when it was last subscribed to or
	// committed.
	KeepCursors = 30 * 24 * time.Hour
)

// Message is one broadcast.
//
//   - ID makes it idempotent; it is required and obeys CheckID.
//   - Position is set by the store: ordered within a channel.
//   - Expires, when set, hides it from readers that come later. Without, it is
//     kept for KeepMessages.
type Message struct {
	ID, Channel, ReplyTo string
	Position             string
	Body                 []byte
	Sent, Expires        time.Time
}

// Subscription names what to read.
//
//   - Name, when set, is a durable cursor that survives restarts: a new name
//     starts at From or now, a known one where it last committed. It is known for
//     KeepCursors. Empty is ephemeral.
//   - From zero is now.
type Subscription struct {
	Channels []string
	Name     string
	From     time.Time
}

// Subscriber reads a subscription. It is for one goroutine; Close may be called
// from another.
type Subscriber interface {
	// Next blocks for the next messages, at most 100, in order within a channel.
	// Delivery is at least once; a repeat carries the same ID.
	//
	//   - Errors: ErrUnavailable; ctx.Err(); io.EOF after Close.
	Next(ctx context.Context) ([]Message, error)

	// Commit moves the durable cursor of a channel behind m.
	//
	//   - Errors: ErrUnavailable. It does nothing without a name.
	Commit(ctx context.Context, m Message) error

	io.Closer
}

// Channels that stem itself uses.
const (
	ChannelControl = "stem.control" // commands to roles; also a hint to look at directives and revocations
	channelEvents  = "stem.events:" // + queue
	channelReply   = "stem.reply:"  // + request id
)

// EventsChannel is where custom events of a queue are broadcast.
func EventsChannel(queue string) string { return channelEvents + queue }

// ReplyChannel is where the replies to one command arrive.
func ReplyChannel(requestID string) string { return channelReply + requestID }
