package console_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/internal/cli/console"
)

func newConsole(input string, tty bool) (*console.Console, *bytes.Buffer) {
	var err bytes.Buffer
	return &console.Console{
		In: strings.NewReader(input), Out: &bytes.Buffer{}, Err: &err, InTTY: tty, OutTTY: tty, ErrTTY: tty,
		Width: 80, Env: func(string) string { return "" },
	}, &err
}

func TestConfirm(t *testing.T) {
	for _, c := range []struct {
		answer string
		tty    bool
		want   error
	}{
		{"y\n", true, nil},
		{"YES\n", true, nil},
		{"\n", true, console.ErrDeclined},
		{"n\n", true, console.ErrDeclined},
		{"", true, console.ErrDeclined},
		{"y\n", false, console.ErrNeedsYes},
	} {
		con, _ := newConsole(c.answer, c.tty)
		if err := con.Confirm("Sure?"); !errors.Is(err, c.want) {
			t.Errorf("answer %q, terminal %v: got %v, want %v", c.answer, c.tty, err, c.want)
		}
	}
}

func TestConfirmTypingWantsTheWord(t *testing.T) {
	for answer, want := range map[string]error{"mail\n": nil, "y\n": console.ErrDeclined, "mai\n": console.ErrDeclined} {
		con, _ := newConsole(answer, true)
		if err := con.ConfirmTyping("Purge?", "mail"); !errors.Is(err, want) {
			t.Errorf("answer %q: got %v, want %v", answer, err, want)
		}
	}
}

func TestNoInputNeverAsks(t *testing.T) {
	con, stderr := newConsole("y\n", true)
	con.NoInput = true
	if err := con.Confirm("Sure?"); !errors.Is(err, console.ErrNeedsYes) {
		t.Errorf("got %v", err)
	}
	if stderr.Len() > 0 {
		t.Errorf("it asked: %q", stderr)
	}
}

func TestColorFollowsTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		name, when string
		env        map[string]string
		tty, want  bool
	}{
		{"terminal", "auto", nil, true, true},
		{"pipe", "auto", nil, false, false},
		{"NO_COLOR", "auto", map[string]string{"NO_COLOR": "1"}, true, false},
		{"dumb", "auto", map[string]string{"TERM": "dumb"}, true, false},
		{"forced", "auto", map[string]string{"CLICOLOR_FORCE": "1"}, false, true},
		{"always", "always", map[string]string{"NO_COLOR": "1"}, false, true},
		{"never", "never", nil, true, false},
	} {
		con, _ := newConsole("", c.tty)
		con.Env = func(k string) string { return c.env[k] }
		if err := con.SetColor(c.when); err != nil || con.OutColor != c.want {
			t.Errorf("%s: got %v (%v), want %v", c.name, con.OutColor, err, c.want)
		}
	}
	con, _ := newConsole("", true)
	if con.SetColor("pink") == nil {
		t.Error("a bad --color was accepted")
	}
}

func TestSafeDisarmsEscapes(t *testing.T) {
	in := "a\x1b]0;owned\x07b\r\nc\u202ed\u009b31m"
	if got := console.Safe(in); strings.ContainsAny(got, "\x1b\x07\r\n\u202e\u009b") {
		t.Errorf("got %q", got)
	}
}

func TestCutKeepsTheWidth(t *testing.T) {
	for _, text := range []string{"0198c5f2-7c1e-7000-8000-5a2f3c9d1e77", "日本語のタスク名です", "ab"} {
		for width := 1; width < 12; width++ {
			if got := console.CutEnd(text, width); console.TextWidth(got) > width {
				t.Errorf("CutEnd(%q, %d) = %q", text, width, got)
			}
		}
	}
	if got := console.CutMiddle("0123456789", 5); got != "01…89" {
		t.Errorf("CutMiddle = %q", got)
	}
}

func TestProgressInAPipeIsQuietAndPlain(t *testing.T) {
	con, stderr := newConsole("", false)
	p := con.NewProgress("replaying", 100)
	for i := range int64(100) {
		p.Set(i, "")
	}
	p.Done(true)
	if stderr.Len() > 0 {
		t.Errorf("within ten seconds it wrote %q", stderr)
	}
}

func TestProgressOnATerminalRedrawsOneLine(t *testing.T) {
	con, stderr := newConsole("", true)
	p := con.NewProgress("replaying", 100)
	p.Set(50, "3 failed")
	p.Done(true)
	out := stderr.String()
	if !strings.Contains(out, "50/100") || !strings.Contains(out, "3 failed") || strings.Count(out, "\n") != 1 {
		t.Errorf("got %q", out)
	}
	for line := range strings.SplitSeq(out, "\r") {
		if console.TextWidth(strings.TrimSuffix(line, "\n")) >= 80 {
			t.Errorf("line is as wide as the terminal: %q", line)
		}
	}
}
