package runtime

import (
	"encoding/json"
	"fmt"
	"time"
)

// RecordVersion is the version written into new records.
const RecordVersion = 1

// Record is what a worker keeps of an attempt, besides what the store knows: a
// store keeps it as it is, as Settlement.Result and TaskRecord.Body.
//
//   - Payload is the handler's result, encoded as Encoder says ("" is JSON).
//   - Log is the tail of what the handler logged.
//   - Attempts are the failed attempts before this one, oldest first.
type Record struct {
	V          int             `json:"v"`
	Payload    json.RawMessage `json:"payload,omitempty"`
	Encoder    string          `json:"encoder,omitempty"`
	Error      *TaskError      `json:"error,omitempty"`
	Log        string          `json:"log,omitempty"`
	StartedAt  time.Time       `json:"startedAt,omitzero"`
	FinishedAt time.Time       `json:"finishedAt,omitzero"`
	Attempts   []AttemptRecord `json:"attempts,omitempty"`
}

// TaskError is a failure as it is stored.
//
//   - Type is the first of ErrorNames that is not a wrapper of fmt's.
//   - Stack is kept for panics only.
type TaskError struct {
	Type      string `json:"type"`
	Message   string `json:"message"`
	Stack     string `json:"stack,omitempty"`
	Retryable bool   `json:"retryable"`
}

// AttemptRecord is one failed attempt in a task's history. The envelope carries
// the last ten under MetaAttempts.
type AttemptRecord struct {
	Attempt    int       `json:"attempt"`
	Worker     string    `json:"worker"`
	At         time.Time `json:"at"`
	DurationMs int64     `json:"durationMs"`
	Type       string    `json:"type"`
	Message    string    `json:"message"` // at most 300 bytes
}

// Encode returns the stored form.
//
//   - Errors: ErrInvalid when the payload is not JSON.
func (r *Record) Encode() ([]byte, error) {
	r.V = RecordVersion
	if r.Error == nil && r.Log == "" && len(r.Attempts) == 0 && (len(r.Payload) == 0 || json.Valid(r.Payload)) {
		return r.appendPlain(make([]byte, 0, len(r.Payload)+len(r.Encoder)+140)), nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Message: "encode the task's result", Err: err}
	}
	return b, nil
}

// appendPlain writes the record of a success that has nothing to tell, which is
// most of them. It is written by hand for the same reason as the envelope.
func (r *Record) appendPlain(b []byte) []byte {
	b = appendIntKey(b, `{"v":`, r.V)
	if len(r.Payload) > 0 {
		b = append(b, `,"payload":`...)
		b = append(b, r.Payload...)
	}
	if r.Encoder != "" {
		b = append(b, `,"encoder":`...)
		b = appendString(b, r.Encoder)
	}
	if !r.StartedAt.IsZero() {
		b = append(b, `,"startedAt":`...)
		b = appendTime(b, r.StartedAt)
	}
	if !r.FinishedAt.IsZero() {
		b = append(b, `,"finishedAt":`...)
		b = appendTime(b, r.FinishedAt)
	}
	return append(b, '}')
}

// DecodeRecord reads a stored record; empty input is an empty record.
//
//   - Errors: ErrCorrupt, ErrIncompatible.
func DecodeRecord(b []byte) (Record, error) {
	var r Record
	if len(b) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, &Error{Code: CodeCorrupt, Message: "decode result record", Err: err}
	}
	if r.V > RecordVersion {
		return r, &Error{
			Code:    CodeIncompatible,
			Message: fmt.Sprintf("decode result record: version %d is newer than this stem knows (%d)", r.V, RecordVersion),
			Hint:    "upgrade stem",
		}
	}
	return r, nil
}
