package runtime

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// scanEnvelope reads an envelope whose keys and spaces are exactly as AppendJSON
// writes them. It reports false, and decodeEnvelope decides, at the first byte
// that is not.
func scanEnvelope(data []byte) (Envelope, bool) {
	s := scanner{rest: data, ok: true}
	var e Envelope
	s.literal(`{"v":`)
	if s.integer() != EnvelopeVersion {
		return e, false
	}
	s.literal(`,"id":`)
	e.ID = s.text()
	s.literal(`,"name":`)
	e.Name = s.text()
	s.literal(`,"args":`)
	e.Args = bytes.Clone(s.object())
	s.literal(`,"headers":`)
	s.decode(s.object(), &e.Headers)
	s.literal(`,"enqueuedAt":`)
	e.EnqueuedAt = s.time()
	s.literal(`,"notBefore":`)
	if !s.null() {
		e.NotBefore = s.time()
	}
	s.literal(`,"priority":`)
	e.Priority = s.integer()
	s.literal(`,"attempt":`)
	e.Attempt = s.integer()
	s.literal(`,"maxRetries":`)
	e.MaxRetries = s.integer()
	s.literal(`,"visibilityTimeout":`)
	if !s.null() {
		e.VisibilityTimeout = time.Duration(s.integer()) * time.Millisecond
	}
	s.literal(`,"queue":`)
	e.Queue = s.text()
	s.literal(`,"meta":`)
	s.decode(s.object(), &e.Meta)
	s.literal(`}`)
	return e, s.ok && len(s.rest) == 0 && e.Name != ""
}

// scanner takes tokens off the front of rest. After the first mismatch ok is
// false and everything it returns is zero.
type scanner struct {
	rest []byte
	ok   bool
}

func (s *scanner) fail() { s.rest, s.ok = nil, false }

// take returns the next n bytes.
func (s *scanner) take(n int) []byte {
	head := s.rest[:n]
	s.rest = s.rest[n:]
	return head
}

func (s *scanner) literal(text string) {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		s.fail()
		return
	}
	s.take(len(text))
}

func (s *scanner) null() bool {
	if !bytes.HasPrefix(s.rest, []byte("null")) {
		return false
	}
	s.take(len("null"))
	return true
}

// text reads a string without escapes, of printable ASCII.
func (s *scanner) text() string { return string(s.quoted()) }

func (s *scanner) quoted() []byte {
	if len(s.rest) == 0 || s.rest[0] != '"' {
		s.fail()
		return nil
	}
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			return s.take(i + 1)[1:i]
		case !plainByte(c):
			s.fail()
			return nil
		}
	}
	s.fail()
	return nil
}

// integer reads a number from 0 to 12 digits: milliseconds of it cannot
// overflow.
func (s *scanner) integer() int {
	n := 0
	for n < len(s.rest) && n < 13 && '0' <= s.rest[n] && s.rest[n] <= '9' {
		n++
	}
	if n == 0 || n == 13 || (n > 1 && s.rest[0] == '0') {
		s.fail()
		return 0
	}
	v, _ := strconv.Atoi(string(s.take(n))) // digits only
	return v
}

func (s *scanner) time() (t time.Time) {
	if text := s.quoted(); s.ok && t.UnmarshalText(text) != nil {
		s.fail()
	}
	return t.UTC()
}

// object returns the bytes of a JSON object.
func (s *scanner) object() json.RawMessage {
	end := objectEnd(s.rest)
	if end == 0 || !json.Valid(s.rest[:end]) {
		s.fail()
		return nil
	}
	return s.take(end)
}

// decode reads an object into a map, which stays nil for {}.
func (s *scanner) decode(object json.RawMessage, into any) {
	if len(object) > len("{}") && json.Unmarshal(object, into) != nil {
		s.fail()
	}
}

// objectEnd returns the length of the object at the front of b, or 0. It looks
// at braces outside of strings only.
func objectEnd(b []byte) int {
	if len(b) == 0 || b[0] != '{' {
		return 0
	}
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}
