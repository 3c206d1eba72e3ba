package runtime

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

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
	b = append(b, `,"enqueuedAt":`...)
	b = appendTime(b, e.EnqueuedAt)
	b = append(b, `,"notBefore":`...)
	if e.NotBefore.IsZero() {
		b = append(b, "null"...)
	} else {
		b = appendTime(b, e.NotBefore)
	}
	b = appendIntKey(b, `,"priority":`, e.Priority)
	b = appendIntKey(b, `,"attempt":`, e.Attempt)
	b = appendIntKey(b, `,"maxRetries":`, e.MaxRetries)
	b = append(b, `,"visibilityTimeout":`...)
	if e.VisibilityTimeout <= 0 {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, ceilMillis(e.VisibilityTimeout), 10)
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

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// ceilMillis rounds up: half a millisecond must not become none.
func ceilMillis(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d%time.Millisecond > 0 {
		ms++
	}
	return ms
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

// plainByte reports whether c stands for itself inside a JSON string.
func plainByte(c byte) bool {
	return c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf
}

// appendString quotes plain text itself and leaves the rest to encoding/json.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if !plainByte(s[i]) {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
