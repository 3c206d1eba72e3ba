package console

import (
	"strings"
	"unicode/utf8"
)

// Style is one of the sixteen ANSI colours or an attribute; the terminal's
// theme decides how it looks.
type Style string

// The styles that stem uses. State is always told by a word as well.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Blue   Style = "34"
	Cyan   Style = "36"
)

// Paint returns text in a style when on, else unchanged.
func Paint(on bool, s Style, text string) string {
	if !on || s == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// Safe replaces control characters, so that stored data cannot drive the
// terminal: a task's error may hold escape sequences.
func Safe(text string) string {
	clean := func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError:
			return '·'
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidirectional overrides
			return '·'
		}
		return r
	}
	return strings.Map(clean, text)
}
