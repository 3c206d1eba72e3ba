// Package printer is the one way by which commands show results.
//
// A command hands over typed rows with columns, or one item; the printer knows
// the formats (table, wide, json, jsonl, yaml, name, none), the terminal's
// width, colours, fields, templates and jq. On a terminal a list is an aligned
// table with relative times; in a pipe it is tab-separated, without a header,
// with full values and RFC 3339 times, and never cut.
//
// Start reading at Printer and List.
package printer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stem-jobs/stem/internal/cli/console"
)

// Formats are the values of --output.
var Formats = []string{"table", "wide", "json", "jsonl", "yaml", "name", "none"}

// Printer writes results to one console.
//
//   - Format "" is the table of the place: aligned on a terminal, tab-separated
//     in a pipe.
//   - More are formats beyond Formats that the running command knows.
//   - Width 0 is the terminal's.
type Printer struct {
	Console  *console.Console
	Format   string
	More     []string // formats that the command itself writes
	Fields   []string
	Template string
	JQ       string
	Width    int
	Now      func() time.Time
	YAML     func(v any) ([]byte, error) // the encoder lives with the configuration
}

// Misuse is a mistake in what the person asked of the output.
type Misuse struct{ err error }

func misuse(format string, args ...any) error { return &Misuse{fmt.Errorf(format, args...)} }

// Error says what is wrong.
func (m *Misuse) Error() string { return m.err.Error() }

// Unwrap returns the cause.
func (m *Misuse) Unwrap() error { return m.err }

// Check refuses settings that do not fit together before any work is done.
func (p *Printer) Check() error {
	if known := append(slices.Clone(Formats), p.More...); p.Format != "" && !slices.Contains(known, p.Format) {
		return fmt.Errorf("bad --output %q: use one of %s", p.Format, strings.Join(known, ", "))
	}
	if p.Template != "" && p.JQ != "" {
		return fmt.Errorf("--template and --jq exclude each other")
	}
	if p.Width < 0 {
		return fmt.Errorf("bad --width %d: it is negative", p.Width)
	}
	if p.Structured() {
		return nil
	}
	if p.Format == "name" || p.Format == "none" {
		if len(p.Fields) > 0 {
			return fmt.Errorf("--fields does not fit --output %s", p.Format)
		}
	}
	return nil
}

// Structured reports whether the output is for a program: then a command prints
// one document and no prose.
func (p *Printer) Structured() bool {
	return p.Format == "json" || p.Format == "jsonl" || p.Format == "yaml" || p.Template != "" || p.JQ != ""
}

// Human reports whether a person reads the output on a terminal.
func (p *Printer) Human() bool {
	return p.Console.OutTTY && (p.Format == "" || p.Format == "table" || p.Format == "wide")
}

// Line writes one line of plain result, for commands whose answer is a word. It
// is left out of structured output.
func (p *Printer) Line(format string, args ...any) error {
	if p.Structured() || p.Format == "none" {
		return nil
	}
	_, err := fmt.Fprintf(p.Console.Out, format+"\n", args...)
	return err
}

// Time shows a moment as a person reads it ("3m ago"), or in full in a pipe; a
// zero time is "-" or empty.
func (p *Printer) Time(t time.Time) string {
	if !p.Human() {
		return Stamp(t)
	}
	return Ago(t, p.Now())
}

// Stamp is a moment as programs read it: RFC 3339 with milliseconds, UTC.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// Ago is a moment seen from now, to two digits or so.
func Ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t)
	if d < 0 {
		return "in " + Span(-d)
	}
	if d < time.Second {
		return "now"
	}
	return Span(d) + " ago"
}

// Span is a length of time in its two largest units.
func Span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}
