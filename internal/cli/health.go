package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

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
	Hint      string        `json:"hint"`
	LatencyMs float64       `json:"latencyMs"`
}

func newHealth(a *app) *cobra.Command {
	var watch watchFlag
	c := &cobra.Command{
		Use:         "health",
		Annotations: map[string]string{moreFormats: "nagios prometheus"},
		Short:       "Check the store, the workers and the queues",
		Long: "Check the store, the workers and the queues; usable as a probe.\n\n" +
			"Exit codes: 0 healthy (warnings included), 1 something fails, 69 the store cannot be reached.",
		Example: "  stem health\n  stem health -o json\n  stem health -o prometheus",
		Args:    noStrayArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return watch.run(c.Context(), a, a.health)
		},
	}
	watch.add(c.Flags())
	return c
}

func (a *app) health(ctx context.Context) error {
	opened, err := a.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := a.withTimeout(ctx)
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
	switch a.printer.Format {
	case "nagios":
		_, err = fmt.Fprintln(a.console.Out, nagios(lines))
	case "prometheus":
		_, err = fmt.Fprint(a.console.Out, prometheus(lines))
	default:
		err = printer.PrintList(a.printer, healthList(lines))
		for _, l := range lines {
			if l.Hint != "" && a.printer.Human() { // in full, below a table that would cut it
				a.hint("%s: %s", l.Name, l.Hint)
			}
		}
	}
	if err != nil {
		return err
	}
	if code != exitOK {
		return negative(code)
	}
	return nil
}

// nagios is one line: the worst level, and what is not well.
func nagios(lines []checkLine) string {
	words := map[control.Level]string{control.OK: "OK", control.Warn: "WARNING", control.Fail: "CRITICAL"}
	worst := control.OK
	var found []string
	for _, l := range lines {
		if l.Level == control.Fail || l.Level == control.Warn && worst == control.OK {
			worst = l.Level
		}
		if l.Level != control.OK {
			found = append(found, l.Name+": "+l.Text)
		}
	}
	if len(found) == 0 {
		found = []string{fmt.Sprintf("%d checks", len(lines))}
	}
	return console.Safe(fmt.Sprintf("STEM %s - %s", words[worst], strings.Join(found, "; ")))
}

// prometheus is the text format: 1 for a check that does not fail.
func prometheus(lines []checkLine) string {
	var b strings.Builder
	b.WriteString("# HELP stem_health Whether a check of stem health does not fail.\n# TYPE stem_health gauge\n")
	up := map[string]int{} // one series a check, however many findings it has
	var names []string
	for _, l := range lines {
		if _, seen := up[l.Name]; !seen {
			names = append(names, l.Name)
			up[l.Name] = 1
		}
		if l.Level == control.Fail {
			up[l.Name] = 0
		}
	}
	for _, name := range names {
		fmt.Fprintf(&b, "stem_health{check=%q} %d\n", name, up[name])
	}
	return b.String()
}

func healthList(lines []checkLine) printer.List[checkLine] {
	return printer.List[checkLine]{
		Items: lines,
		Name:  func(l checkLine) string { return l.Name },
		Columns: []printer.Column[checkLine]{
			{Title: "CHECK", Raw: func(l checkLine) string { return l.Name }},
			{Title: "LEVEL", Raw: func(l checkLine) string { return string(l.Level) }, Style: levelStyle},
			{Title: "FINDING", Raw: func(l checkLine) string { return l.Text }, Min: 40},
			{Title: "MS", Raw: latencyText, Right: true, Priority: 1},
			{Title: "HINT", Raw: func(l checkLine) string { return l.Hint }, Wide: true},
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
