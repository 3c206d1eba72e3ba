package control

import (
	"context"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Level is how a check turned out.
type Level string

// The levels. Warn does not make a system unhealthy.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

// Check is one finding of Health.
type Check struct {
	Name    string
	Level   Level
	Text    string
	Hint    string
	Latency time.Duration // of the question to the store; 0 where there was none
}

// Health asks the store and looks for what will not mend itself.
//
//   - Shapes: the check "store" comes first; when it fails, it is the only one.
func Health(ctx context.Context, b *runtime.Backend, now time.Time) []Check {
	start := time.Now()
	queues, err := Queues(ctx, b, nil, now)
	store := Check{Name: "store", Level: OK, Text: b.Info.Driver + " " + b.Info.Version, Latency: time.Since(start)}
	if err != nil {
		store.Level, store.Text, store.Hint = Fail, err.Error(), runtime.HintOf(err)
		return []Check{store}
	}
	checks := []Check{store, workersCheck(ctx, b)}
	for _, q := range queues {
		checks = append(checks, queueChecks(q, now)...)
	}
	return checks
}

func workersCheck(ctx context.Context, b *runtime.Backend) Check {
	c := Check{Name: "workers", Level: OK}
	workers, err := b.Heartbeats.List(ctx)
	if err != nil {
		c.Level, c.Text = Fail, err.Error()
		return c
	}
	stuck := 0
	for _, w := range workers {
		stuck += len(w.Stuck)
	}
	c.Text = fmt.Sprintf("%d live", len(workers))
	switch {
	case len(workers) == 0:
		c.Level, c.Text, c.Hint = Warn, "none is running", "start one: stem worker"
	case stuck > 0:
		c.Level, c.Hint = Warn, "look at their stacks: stem worker ls -o json"
		c.Text += fmt.Sprintf("; handlers past their hard limit: %d", stuck)
	}
	return c
}

func queueChecks(q Queue, now time.Time) []Check {
	var out []Check
	name := "queue " + q.Stat.Queue
	if q.Stat.Ready > 0 && len(q.Workers) == 0 {
		out = append(out, Check{
			Name: name, Level: Fail,
			Text: fmt.Sprintf("no worker serves it; ready tasks: %d, the oldest since %s", q.Stat.Ready, round(now.Sub(q.Stat.OldestReady))),
			Hint: "start one: stem worker --queues " + q.Stat.Queue,
		})
	}
	if q.PausedBy != "" {
		out = append(out, Check{Name: name, Level: Warn, Text: "paused by " + q.PausedBy})
	}
	if q.Stat.Parked > 0 {
		out = append(out, Check{Name: name, Level: Warn, Text: fmt.Sprintf("parked tasks, whose names no worker knows: %d", q.Stat.Parked), Hint: "stem task ls --place parked --queue " + q.Stat.Queue})
	}
	if q.Stat.Dead > 0 {
		out = append(out, Check{Name: name, Level: Warn, Text: fmt.Sprintf("dead letters that wait for a decision: %d", q.Stat.Dead), Hint: "stem dlq ls --queue " + q.Stat.Queue})
	}
	return out
}
