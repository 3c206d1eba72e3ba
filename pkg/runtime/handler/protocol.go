package handler

import (
	"encoding/json"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// ProtocolVersion is the version of the host protocol, in every greeting and in
// the variable STEM_PROTOCOL. It grows when a message changes its meaning; new
// messages and new keys do not change it, and both sides ignore what they do
// not know.
const ProtocolVersion = 1

// MaxLine bounds a line of the protocol in bytes, its newline not counted.
const MaxLine = 1 << 20

// Types of messages from the program to its host. With an id, each is answered
// by one reply of the same id, in order; without one, it is carried out and a
// failure goes to the log.
const (
	TypeProgress  = "progress"  // percent, data: how far the task is
	TypeHeartbeat = "heartbeat" // asks whether to go on; the reply says why not
	TypeExtend    = "extend"    // by: keep the task at least this much longer
	TypeEnqueue   = "enqueue"   // tasks: publish children; the reply has a result for each
	TypeLog       = "log"       // line: add a line to the tail kept with the task
	TypeRetry     = "retry"     // after: how long to wait, should the exit code ask for a retry
)

// Types of messages from the host to the program.
const (
	TypeHello  = "hello"  // version, deadline: the first line
	TypeReply  = "reply"  // id, and results or error
	TypeSoft   = "soft"   // the soft limit has passed; deadline is the hard one
	TypeCancel = "cancel" // reason, graceMs: stop now; the end is near
)

// Message is one line of the host protocol: a JSON object. One struct serves
// both directions and every type; which keys count is said at the types.
//
//   - ID is any JSON value of the program's; the reply repeats it.
//   - Units: by and after are durations in stem's grammar ("90s", "1d").
//   - Source: line-delimited JSON, as in JSON-RPC over stdio but one-way unless
//     an id asks for more.
type Message struct {
	Type string          `json:"type"`
	ID   json.RawMessage `json:"id,omitempty"`

	// from the program
	Percent float64         `json:"percent,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	By      string          `json:"by,omitempty"`
	After   string          `json:"after,omitempty"`
	Line    string          `json:"line,omitempty"`
	Tasks   []ChildTask     `json:"tasks,omitempty"`

	// from the host
	Version  int           `json:"version,omitempty"`
	Deadline time.Time     `json:"deadline,omitzero"`
	Reason   string        `json:"reason,omitempty"`
	GraceMs  int64         `json:"graceMs,omitempty"`
	Results  []ChildResult `json:"results,omitempty"`
	Error    *WireError    `json:"error,omitempty"`
}

// ChildTask asks for a task, as runtime.Request does in Go.
//
//   - Units: delay, expires and unique.for are durations in stem's grammar; at
//     is RFC 3339 and wins over delay.
type ChildTask struct {
	ID         string            `json:"id,omitempty"`
	Name       string            `json:"name"`
	Args       json.RawMessage   `json:"args,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	Meta       map[string]any    `json:"meta,omitempty"`
	Queue      *string           `json:"queue,omitempty"`
	Priority   *int              `json:"priority,omitempty"`
	MaxRetries *int              `json:"maxRetries,omitempty"`
	Delay      string            `json:"delay,omitempty"`
	At         time.Time         `json:"at,omitzero"`
	Expires    string            `json:"expires,omitempty"`
	Unique     *ChildUnique      `json:"unique,omitempty"`
	NoParent   bool              `json:"noParent,omitempty"`
}

// ChildUnique makes a child unique; see runtime.UniqueOptions.
type ChildUnique struct {
	Key     string `json:"key,omitempty"`
	For     string `json:"for,omitempty"`
	Replace bool   `json:"replace,omitempty"`
}

// ChildResult is what became of one child: status is accepted, exists,
// duplicate, full or invalid.
type ChildResult struct {
	Status string     `json:"status"`
	ID     string     `json:"id,omitempty"`
	Error  *WireError `json:"error,omitempty"`
}

// WireError is an error as the other side of a pipe sees it.
type WireError struct {
	Code    runtime.Code `json:"code,omitempty"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
}

func wireError(err error) *WireError {
	if err == nil {
		return nil
	}
	return &WireError{Code: runtime.CodeOf(err), Message: err.Error(), Hint: runtime.HintOf(err)}
}

// request turns the child into what a host enqueues.
//
//   - Errors: ErrInvalid for a duration that cannot be read.
func (c ChildTask) request() (runtime.Request, error) {
	r := runtime.Request{
		ID: c.ID, Name: c.Name, Args: c.Args, Headers: c.Headers, Meta: c.Meta, At: c.At, NoParent: c.NoParent,
		Options: runtime.TaskOptions{Queue: c.Queue, Priority: c.Priority, MaxRetries: c.MaxRetries},
	}
	var err error
	if r.Delay, err = optionalDuration(c.Delay); err != nil {
		return r, err
	}
	expires, err := optionalDuration(c.Expires)
	if err != nil {
		return r, err
	}
	if expires > 0 {
		r.Options.Expires = &expires
	}
	if u := c.Unique; u != nil {
		hold, err := optionalDuration(u.For)
		if err != nil {
			return r, err
		}
		r.Options.Unique = &runtime.UniqueOptions{Key: u.Key, For: hold, Replace: u.Replace}
	}
	return r, nil
}

func optionalDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	return runtime.ParseDuration(s)
}
