package runtime

import "fmt"

// Limits that every store keeps.
const (
	MaxIDLength   = 128     // characters of a task, group or lock id
	MaxNameLength = 128     // characters of a task, queue or worker name
	MaxArgsBytes  = 1 << 20 // default cap on encoded arguments; configurable in the client
	MinPriority   = 0
	MaxPriority   = 9 // higher first
	DefaultQueue  = "default"
)

// CheckID reports whether s may be an id: 1 to 128 characters of
// [A-Za-z0-9._:-].
//
//   - Errors: ErrInvalid, naming what is wrong.
func CheckID(what, s string) error { return checkWord(what, s, MaxIDLength, false) }

// CheckName reports whether s may be the name of a task, a queue or a worker:
// an id that may also hold '/' and '@'.
//
//   - Errors: ErrInvalid, naming what is wrong.
func CheckName(what, s string) error { return checkWord(what, s, MaxNameLength, true) }

func checkWord(what, s string, limit int, name bool) error {
	if s == "" {
		return Errorf(CodeInvalid, what+" is empty")
	}
	if len(s) > limit {
		return Errorf(CodeInvalid, fmt.Sprintf("%s is %d characters long; the limit is %d", what, len(s), limit))
	}
	for i := range len(s) {
		if c := s[i]; !wordByte(c) && !(name && (c == '/' || c == '@')) {
			return &Error{
				Code:    CodeInvalid,
				Message: fmt.Sprintf("%s %q has the character %q", what, s, c),
				Hint:    "use letters, digits and . _ : -",
			}
		}
	}
	return nil
}

func wordByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '.' || c == '_' || c == ':' || c == '-'
}
