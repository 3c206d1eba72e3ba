package runtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// EnvelopeVersion is the version written into new envelopes. Older ones always
// decode; newer ones are refused as incompatible.
const EnvelopeVersion = 1

// Envelope is a task on the wire: what a producer publishes and a worker
// decodes. The client's Prepare makes it; a driver stores and returns it
// without a change.
//
//   - Shapes: ID and Name as CheckID and CheckName allow. Args is a JSON
//     object, encoded as the header stem-args-encoder says. Attempt is
//     zero-based; MaxRetries extra tries, so MaxRetries+1 executions.
//   - Units: VisibilityTimeout shortens the lease for this task; 0 keeps the
//     worker's. On the wire it is integer milliseconds, times are RFC 3339 UTC.
//   - Meta holds what stem and its users attach. Keys that begin with "stem."
//     or "__stem" are stem's.
type Envelope struct {
	ID                string
	Name              string
	Args              json.RawMessage
	Headers           map[string]string
	EnqueuedAt        time.Time
	NotBefore         time.Time // zero: at once
	Priority          int
	Attempt           int
	MaxRetries        int
	VisibilityTimeout time.Duration
	Queue             string
	Meta              map[string]json.RawMessage
}

// Headers of an envelope that stem reads or writes. Only the trace headers,
// HeaderTenant and headers without the prefix "stem-" are inherited by
// children.
const (
	HeaderArgsEncoder = "stem-args-encoder"
	HeaderTraceParent = "traceparent"
	HeaderTraceState  = "tracestate"
	HeaderTenant      = "tenant"
	HeaderGroupID     = "stem-group-id"
	HeaderChainID     = "stem-chain-id"
	HeaderReplay      = "stem-replay" // how often it was replayed from the dead letters
)

// Meta keys of an envelope that stem reads or writes.
const (
	MetaExpiresAt    = "stem.expiresAt"       // RFC 3339
	MetaHardLimit    = "stem.timeLimitMs"     // integer milliseconds
	MetaSoftLimit    = "stem.softTimeLimitMs" // integer milliseconds
	MetaIgnoreResult = "stem.ignoreResult"
	MetaKeep         = "stem.keepResultMs"
	MetaRetryPolicy  = "stem.retryPolicy"
	MetaAcksEarly    = "stem.acksEarly"
	MetaLink         = "stem.link"      // prepared publications, sent on success
	MetaLinkError    = "stem.linkError" // prepared publications, sent on final failure
	MetaParentID     = "stem.parentTaskId"
	MetaParentTry    = "stem.parentAttempt"
	MetaRootID       = "stem.rootTaskId"
	MetaRate         = "stem.rateLimit"
	MetaConcurrency  = "stem.concurrency"
	MetaGroupRate    = "stem.groupRateLimit"
	MetaGroupRateKey = "stem.groupRateKey"
	MetaGroupHeader  = "stem.groupRateKeyHeader"
	MetaFailOpen     = "stem.limitsFailOpen"
	MetaUndefined    = "stem.undefined"    // the producer did not know the task: retries are the worker's to say
	MetaLinkDelay    = "stem.linkDelayMs"  // of a link: counted from the end of its parent
	MetaLinkExpires  = "stem.linkExpiryMs" // of a link: counted from when it is due
	MetaAttempts     = "stem.attempts"     // the last failed attempts, newest last; see [AttemptRecord]
)

// wireEnvelope fixes the keys and their order on the wire. Every key is
// written, nulls included, so that readers in other languages need no defaults.
type wireEnvelope struct {
	V                 int                        `json:"v"`
	ID                string                     `json:"id"`
	Name              string                     `json:"name"`
	Args              json.RawMessage            `json:"args"`
	Headers           map[string]string          `json:"headers"`
	EnqueuedAt        time.Time                  `json:"enqueuedAt"`
	NotBefore         *time.Time                 `json:"notBefore"`
	Priority          int                        `json:"priority"`
	Attempt           int                        `json:"attempt"`
	MaxRetries        int                        `json:"maxRetries"`
	VisibilityTimeout *int64                     `json:"visibilityTimeout"`
	Queue             string                     `json:"queue"`
	Meta              map[string]json.RawMessage `json:"meta"`
}

// MarshalJSON writes the envelope with the wire's keys.
func (e *Envelope) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil) }

// AppendJSON appends the wire form to b. It is written by hand because every
// task passes here twice; the reflective encoder costs several times as much.
func (e *Envelope) AppendJSON(b []byte) ([]byte, error) {
	b = append(b, `{"v":`...)
	b = strconv.AppendInt(b, EnvelopeVersion, 10)
	b = append(b, `,"id":`...)
	b = appendString(b, e.ID)
	b = append(b, `,"name":`...)
	b = appendString(b, e.Name)
	b = append(b, `,"args":`...)
	if len(e.Args) == 0 {
		b = append(b, "{}"...)
	} else {
		b = append(b, e.Args...)
	}
	b = append(b, `,"headers":`...)
	b, err := appendHeaders(b, e.Headers)
	if err != nil {
		return nil, err
	}
	b = append(b, `,"enqueuedAt":"`...)
	b = e.EnqueuedAt.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","notBefore":`...)
	if e.NotBefore.IsZero() {
		b = append(b, "null"...)
	} else {
		b = append(b, '"')
		b = e.NotBefore.UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"')
	}
	b = appendIntKey(b, `,"priority":`, e.Priority)
	b = appendIntKey(b, `,"attempt":`, e.Attempt)
	b = appendIntKey(b, `,"maxRetries":`, e.MaxRetries)
	b = append(b, `,"visibilityTimeout":`...)
	if e.VisibilityTimeout <= 0 {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, e.VisibilityTimeout.Milliseconds(), 10)
	}
	b = append(b, `,"queue":`...)
	b = appendString(b, e.Queue)
	b = append(b, `,"meta":`...)
	if len(e.Meta) == 0 {
		return append(b, "{}}"...), nil
	}
	meta, err := json.Marshal(e.Meta) // sorts the keys
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Message: "encode the task's meta", Err: err}
	}
	return append(append(b, meta...), '}'), nil
}

func appendIntKey(b []byte, key string, n int) []byte {
	return strconv.AppendInt(append(b, key...), int64(n), 10)
}

func appendHeaders(b []byte, h map[string]string) ([]byte, error) {
	if len(h) == 0 {
		return append(b, "{}"...), nil
	}
	out, err := json.Marshal(h)
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Message: "encode the task's headers", Err: err}
	}
	return append(b, out...), nil
}

// appendString quotes plain text itself and leaves the rest to encoding/json.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// UnmarshalJSON reads the wire form. Everything but name may be missing.
//
//   - Errors: ErrCorrupt when it is not an envelope, ErrIncompatible when a
//     newer version of stem wrote it.
func (e *Envelope) UnmarshalJSON(data []byte) error {
	w := wireEnvelope{V: EnvelopeVersion, Queue: DefaultQueue}
	if err := json.Unmarshal(data, &w); err != nil {
		return &Error{Code: CodeCorrupt, Message: "decode envelope", Err: err}
	}
	if w.V > EnvelopeVersion {
		return &Error{
			Code:    CodeIncompatible,
			Message: fmt.Sprintf("decode envelope: version %d is newer than this stem knows (%d)", w.V, EnvelopeVersion),
			Hint:    "upgrade this worker",
		}
	}
	if w.Name == "" {
		return Errorf(CodeCorrupt, "decode envelope: it has no task name")
	}
	if args := bytes.TrimSpace(w.Args); len(args) > 0 && args[0] != '{' && !bytes.Equal(args, []byte("null")) {
		return Errorf(CodeCorrupt, "decode envelope: args is not an object")
	}
	*e = Envelope{
		ID: w.ID, Name: w.Name, Args: w.Args, Headers: w.Headers, EnqueuedAt: w.EnqueuedAt,
		Priority: w.Priority, Attempt: w.Attempt, MaxRetries: w.MaxRetries, Queue: w.Queue, Meta: w.Meta,
	}
	if w.NotBefore != nil {
		e.NotBefore = *w.NotBefore
	}
	if w.VisibilityTimeout != nil && *w.VisibilityTimeout > 0 {
		e.VisibilityTimeout = time.Duration(*w.VisibilityTimeout) * time.Millisecond
	}
	return nil
}

// Validate reports what is wrong with the envelope, if anything: the grammar
// of its id, name and queue, the ranges of its numbers, and arguments that are
// not one JSON object.
//
//   - Errors: ErrInvalid.
func (e *Envelope) Validate() error {
	if err := CheckID("task id", e.ID); err != nil {
		return err
	}
	if err := CheckName("task name", e.Name); err != nil {
		return err
	}
	if err := CheckName("queue", e.Queue); err != nil {
		return err
	}
	switch {
	case e.Priority < MinPriority || e.Priority > MaxPriority:
		return &Error{Code: CodeInvalid, Message: fmt.Sprintf("priority %d is out of range", e.Priority), Hint: "use 0 to 9; 9 is served first"}
	case e.Attempt < 0:
		return Errorf(CodeInvalid, fmt.Sprintf("attempt %d is negative", e.Attempt))
	case e.MaxRetries < 0:
		return Errorf(CodeInvalid, fmt.Sprintf("max retries %d is negative", e.MaxRetries))
	case e.VisibilityTimeout < 0:
		return Errorf(CodeInvalid, "visibility timeout is negative")
	}
	return nil
}

// Clone returns a copy whose maps may be changed freely; Args and the values of
// Meta are shared, for nothing may change them.
func (e *Envelope) Clone() *Envelope {
	c := *e
	if e.Headers != nil {
		c.Headers = make(map[string]string, len(e.Headers))
		for k, v := range e.Headers {
			c.Headers[k] = v
		}
	}
	if e.Meta != nil {
		c.Meta = make(map[string]json.RawMessage, len(e.Meta))
		for k, v := range e.Meta {
			c.Meta[k] = v
		}
	}
	return &c
}

// SetMeta stores v, encoded as JSON, under key.
//
//   - Errors: ErrInvalid when v cannot be encoded.
func (e *Envelope) SetMeta(key string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return &Error{Code: CodeInvalid, Message: "encode meta " + key, Err: err}
	}
	if e.Meta == nil {
		e.Meta = map[string]json.RawMessage{}
	}
	e.Meta[key] = raw
	return nil
}

// MetaValue decodes the value of key into v and reports whether it was there.
//
//   - Errors: ErrCorrupt when the value is of another shape.
func (e *Envelope) MetaValue(key string, v any) (bool, error) {
	raw, ok := e.Meta[key]
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, &Error{Code: CodeCorrupt, Message: "decode meta " + key, Err: err}
	}
	return true, nil
}
