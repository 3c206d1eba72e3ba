package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
)

// taskView is a task in JSON. Keys are only ever added.
type taskView struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Queue      string          `json:"queue"`
	State      runtime.State   `json:"state"`
	Place      runtime.Place   `json:"place"`
	Priority   int             `json:"priority"`
	Attempt    int             `json:"attempt"`
	Deliveries int             `json:"deliveries"`
	Losses     int             `json:"losses"`
	Worker     string          `json:"worker"`
	Reason     string          `json:"reason"`
	Error      string          `json:"error"`
	Group      string          `json:"group"`
	UniqueKey  string          `json:"uniqueKey"`
	LimitKey   string          `json:"limitKey"`
	EnqueuedAt string          `json:"enqueuedAt"`
	DueAt      string          `json:"dueAt"`
	StartedAt  string          `json:"startedAt"`
	FinishedAt string          `json:"finishedAt"`
	UpdatedAt  string          `json:"updatedAt"`
	ExpiresAt  string          `json:"expiresAt"`
	KeepUntil  string          `json:"keepUntil"`
	DurationMs *int64          `json:"durationMs"`
	Percent    float64         `json:"percent"`
	Progress   json.RawMessage `json:"progress,omitempty"`

	record runtime.TaskRecord
}

func newTaskView(r runtime.TaskRecord) taskView {
	v := taskView{
		ID: r.ID, Name: r.Name, Queue: r.Queue, State: r.State, Place: r.Place, Priority: r.Priority,
		Attempt: r.Attempt, Deliveries: r.Deliveries, Losses: r.Losses, Worker: r.Worker, Reason: r.Reason,
		Error: r.Error, Group: r.Group, UniqueKey: r.UniqueKey, LimitKey: r.LimitKey,
		EnqueuedAt: printer.Stamp(r.EnqueuedAt), DueAt: printer.Stamp(r.DueAt), StartedAt: printer.Stamp(r.StartedAt),
		FinishedAt: printer.Stamp(r.FinishedAt), UpdatedAt: printer.Stamp(r.UpdatedAt),
		ExpiresAt: printer.Stamp(r.ExpiresAt), KeepUntil: printer.Stamp(r.KeepUntil), Percent: r.Percent, record: r,
	}
	if d, ok := duration(r); ok {
		v.DurationMs = new(d.Milliseconds())
	}
	if json.Valid(r.Data) {
		v.Progress = r.Data
	}
	return v
}

// duration is how long the last attempt of an ended task took. Clocks may have
// moved between its two ends: it is never negative.
func duration(r runtime.TaskRecord) (time.Duration, bool) {
	if r.StartedAt.IsZero() || r.FinishedAt.IsZero() {
		return 0, false
	}
	return max(0, r.FinishedAt.Sub(r.StartedAt)), true
}

func newTaskViews(rs []runtime.TaskRecord) []taskView {
	out := make([]taskView, len(rs))
	for i, r := range rs {
		out[i] = newTaskView(r)
	}
	return out
}

func taskName(v taskView) string { return v.ID }

// taskColumns are the columns of every list of tasks.
func taskColumns(p *printer.Printer) []printer.Column[taskView] {
	return []printer.Column[taskView]{
		{Title: "ID", Raw: taskName, Middle: true, Min: 13},
		{Title: "TASK", Raw: func(v taskView) string { return v.Name }, Min: 10},
		{Title: "QUEUE", Raw: func(v taskView) string { return v.Queue }, Priority: 3},
		{Title: "STATE", Raw: func(v taskView) string { return string(v.State) }, Human: stateText, Style: stateStyle, Min: 11},
		{Title: "TRY", Raw: func(v taskView) string { return strconv.Itoa(v.Attempt + 1) }, Priority: 4, Right: true},
		{Title: "ENQUEUED", Raw: func(v taskView) string { return v.EnqueuedAt }, Human: func(v taskView) string { return p.Time(v.record.EnqueuedAt) }, Priority: 2, Min: 10},
		{Title: "TOOK", Raw: rawDuration, Human: humanDuration, Priority: 5, Right: true},
		{Title: "ERROR", Raw: func(v taskView) string { return v.Error }, Priority: 1, Min: 12},
		{Title: "PLACE", Raw: func(v taskView) string { return string(v.Place) }, Wide: true},
		{Title: "DUE", Raw: func(v taskView) string { return v.DueAt }, Human: func(v taskView) string { return p.Time(v.record.DueAt) }, Wide: true},
		{Title: "WORKER", Raw: func(v taskView) string { return v.Worker }, Wide: true},
	}
}

func rawDuration(v taskView) string {
	if v.DurationMs == nil {
		return ""
	}
	return strconv.FormatInt(*v.DurationMs, 10)
}

func humanDuration(v taskView) string {
	if d, ok := duration(v.record); ok {
		return printer.Span(d)
	}
	return ""
}

// stateText gives each state a glyph beside its word, so that colour is never
// the only difference.
func stateText(v taskView) string {
	glyph := map[runtime.State]string{
		runtime.StateQueued: "·", runtime.StateRunning: "▶", runtime.StateRetried: "↻",
		runtime.StateSucceeded: "✓", runtime.StateFailed: "✗", runtime.StateCancelled: "–",
	}[v.State]
	return glyph + " " + string(v.State)
}

func stateStyle(v taskView) console.Style {
	switch v.State {
	case runtime.StateSucceeded:
		return console.Green
	case runtime.StateFailed:
		return console.Red
	case runtime.StateRetried:
		return console.Yellow
	case runtime.StateRunning:
		return console.Cyan
	case runtime.StateCancelled:
		return console.Dim
	}
	return console.Plain
}

// parseStates reads the values of --state.
func parseStates(words []string) ([]runtime.State, error) {
	var out []runtime.State
	for _, w := range words {
		s := runtime.State(w)
		if !contains(runtime.States, s) {
			hint := fmt.Sprintf("states are: %s", join(runtime.States))
			return nil, usagef(hint, "no state %q", w)
		}
		out = append(out, s)
	}
	return out, nil
}

// parsePlaces reads the values of --place.
func parsePlaces(words []string) ([]runtime.Place, error) {
	var out []runtime.Place
	for _, w := range words {
		p := runtime.Place(w)
		if !contains(runtime.Places, p) {
			return nil, usagef("places are: "+join(runtime.Places), "no place %q", w)
		}
		out = append(out, p)
	}
	return out, nil
}
