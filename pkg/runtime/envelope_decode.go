package runtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// UnmarshalJSON reads the wire form. Everything but name may be missing, keys
// may come in any order and unknown ones are ignored.
//
//   - Errors: ErrCorrupt when it is not an envelope, ErrIncompatible when a
//     newer version of stem wrote it.
func (e *Envelope) UnmarshalJSON(data []byte) error {
	// Nearly all envelopes are exactly as AppendJSON wrote them; reading those
	// costs a quarter of what reflection does.
	if read, ok := scanEnvelope(data); ok {
		*e = read
		return nil
	}
	read, err := decodeEnvelope(data)
	if err != nil {
		return err
	}
	*e = read
	return nil
}

// wireEnvelope has the keys of the wire form and tolerates what is missing.
type wireEnvelope struct {
	V                 int                        `json:"v"`
	ID                string                     `json:"id"`
	Name              string                     `json:"name"`
	Args              json.RawMessage            `json:"args"`
	Headers           map[string]string          `json:"headers"`
	EnqueuedAt        time.Time                  `json:"enqueuedAt"`
	NotBefore         time.Time                  `json:"notBefore"`
	Priority          int                        `json:"priority"`
	Attempt           int                        `json:"attempt"`
	MaxRetries        int                        `json:"maxRetries"`
	VisibilityTimeout int64                      `json:"visibilityTimeout"`
	Queue             string                     `json:"queue"`
	Meta              map[string]json.RawMessage `json:"meta"`
}

// maxMillis is the longest duration in milliseconds that does not overflow.
const maxMillis = math.MaxInt64 / int64(time.Millisecond)

func decodeEnvelope(data []byte) (Envelope, error) {
	w := wireEnvelope{V: EnvelopeVersion, Queue: DefaultQueue}
	if err := json.Unmarshal(data, &w); err != nil {
		return Envelope{}, &Error{Code: CodeCorrupt, Message: "decode envelope", Err: err}
	}
	args := bytes.TrimSpace(w.Args)
	switch {
	case w.V > EnvelopeVersion:
		return Envelope{}, &Error{
			Code:    CodeIncompatible,
			Message: fmt.Sprintf("decode envelope: version %d is newer than this stem knows (%d)", w.V, EnvelopeVersion),
			Hint:    "upgrade this worker",
		}
	case w.Name == "":
		return Envelope{}, Errorf(CodeCorrupt, "decode envelope: it has no task name")
	case len(args) == 0 || string(args) == "null":
		args = json.RawMessage("{}")
	case args[0] != '{':
		return Envelope{}, Errorf(CodeCorrupt, "decode envelope: args is not an object")
	}
	e := Envelope{
		ID: w.ID, Name: w.Name, Args: args, EnqueuedAt: w.EnqueuedAt.UTC(), Priority: w.Priority,
		Attempt: w.Attempt, MaxRetries: w.MaxRetries, Queue: w.Queue,
		VisibilityTimeout: fromMillis(w.VisibilityTimeout),
	}
	if !w.NotBefore.IsZero() {
		e.NotBefore = w.NotBefore.UTC()
	}
	if len(w.Headers) > 0 {
		e.Headers = w.Headers
	}
	if len(w.Meta) > 0 {
		e.Meta = w.Meta
	}
	return e, nil
}
