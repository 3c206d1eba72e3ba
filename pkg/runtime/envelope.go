package runtime

import (
	"encoding/json"
	"fmt"
	"time"
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
	case !writableTime(e.EnqueuedAt) || !writableTime(e.NotBefore):
		return Errorf(CodeInvalid, "a time is before the year 0 or after 9999")
	case len(e.Args) > 0 && (objectEnd(e.Args) != len(e.Args) || !json.Valid(e.Args)):
		return &Error{Code: CodeInvalid, Message: "arguments are not one JSON object", Hint: `pass an object, such as {"to": "ann@example.org"}`}
	}
	return nil
}

// writableTime reports whether RFC 3339, with its four digits, can express t.
func writableTime(t time.Time) bool {
	y := t.UTC().Year()
	return 0 <= y && y <= 9999
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
