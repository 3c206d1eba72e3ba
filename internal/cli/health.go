package cli

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/control"
)

// checkLine is one check in JSON.
type checkLine struct {
	Name      string        `json:"name"`
	Level     control.Level `json:"level"`
	Text      string        `json:"text"`
	Hint      string        `json:"hint,omitempty"`
	LatencyMs float64       `json:"latencyMs,omitempty"`
}

func newHealth(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Check the store, the workers and the queues",
		Long: "Check the store, the workers and the queues; usable as a probe.\n\n" +
			"Exit codes: 0 healthy (warnings included), 1 something fails, 69 the store cannot be reached.",
		Example: "  stem health\n  stem health -o json",
		Args:    noStrayArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			opened, err := a.open(c.Context())
			if err != nil {
				return err
			}
			ctx, cancel := a.withTimeout(c.Context())
			defer cancel()
			checks := control.Health(ctx, opened.Backend(), a.options.Now.Now())
			lines := make([]checkLine, len(checks))
			code := exitOK
			for i, x := range checks {
				lines[i] = checkLine{Name: x.Name, Level: x.Level, Text: x.Text, Hint: x.Hint, LatencyMs: float64(x.Latency.Microseconds()) / 1000}
				if x.Level == control.Fail && code == exitOK {
					code = exitNegative
					if x.Name == "store" {
						code = exitUnavailable
					}
				}
			}
			err = printer.PrintList(a.printer, healthList(lines))
			if code != exitOK {
				err = errors.Join(negative(code), err)
			}
			return err
		},
	}
}

func healthList(lines []checkLine) printer.List[checkLine] {
	return printer.List[checkLine]{
		Items: lines,
		Name:  func(l checkLine) string { return l.Name },
		Columns: []printer.Column[checkLine]{
			{Title: "CHECK", Raw: func(l checkLine) string { return l.Name }},
			{Title: "LEVEL", Raw: func(l checkLine) string { return string(l.Level) }, Style: levelStyle},
			{Title: "FINDING", Raw: func(l checkLine) string { return l.Text }, Min: 20},
			{Title: "HINT", Raw: func(l checkLine) string { return l.Hint }, Min: 20, Priority: 1},
			{Title: "MS", Raw: latencyText, Right: true, Priority: 2},
		},
	}
}

func latencyText(l checkLine) string {
	if l.LatencyMs == 0 {
		return ""
	}
	return strconv.FormatFloat(l.LatencyMs, 'f', 1, 64)
}

func levelStyle(l checkLine) console.Style {
	return map[control.Level]console.Style{control.OK: console.Green, control.Warn: console.Yellow, control.Fail: console.Red}[l.Level]
}
