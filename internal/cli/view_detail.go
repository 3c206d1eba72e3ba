package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
)

// maxShown is how much of one value a person gets to see; --output json has
// all of it.
const maxShown = 64 << 10

// momentText is a moment in full and, on a terminal, how far away it is.
func momentText(p *printer.Printer, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if !p.Human() {
		return printer.Stamp(t)
	}
	return fmt.Sprintf("%s (%s)", t.Local().Format("2006-01-02 15:04:05 MST"), printer.Ago(t, p.Now()))
}

func progressText(r runtime.TaskRecord) string {
	if r.Percent == 0 && len(r.Data) == 0 {
		return ""
	}
	text := fmt.Sprintf("%.0f %%", r.Percent)
	if len(r.Data) > 0 {
		text += " " + capped(r.Data)
	}
	return text
}

// attemptText counts from one, as people do; JSON and STEM_TASK_ATTEMPT from
// zero.
func attemptText(r runtime.TaskRecord) string {
	switch {
	case r.Deliveries == 0:
		return "not yet"
	case r.Losses > 0:
		return fmt.Sprintf("%d (handed out %d times; workers that died with it: %d)", r.Attempt+1, r.Deliveries, r.Losses)
	}
	return strconv.Itoa(r.Attempt + 1)
}

func headersText(h map[string]string) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(h)) {
		lines = append(lines, key+": "+h[key])
	}
	return strings.Join(lines, "\n")
}

func attemptsText(p *printer.Printer, as []runtime.AttemptRecord) string {
	lines := make([]string, len(as))
	for i, a := range as {
		lines[i] = fmt.Sprintf("%d  %s  %s  %s: %s", a.Attempt+1, p.Time(a.At), printer.Span(time.Duration(a.DurationMs)*time.Millisecond), a.Type, a.Message)
	}
	return strings.Join(lines, "\n")
}

// compact writes JSON in one way, however its handler spaced it.
func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

func stackText(e *runtime.TaskError) string {
	if e == nil {
		return ""
	}
	return e.Stack
}

func capped(raw json.RawMessage) string {
	if len(raw) <= maxShown {
		return string(raw)
	}
	return fmt.Sprintf("%s… (%d bytes; all of it: -o json)", raw[:maxShown], len(raw))
}
