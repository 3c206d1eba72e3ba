package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/pkg/runtime/config"
)

func TestHelpTopics(t *testing.T) {
	var codes, variables []string
	for _, c := range []int{
		exitOK, exitNegative, exitPartial, exitUsage, exitUnavailable, exitBug, exitTimeout, exitDenied, exitConfig, exitInterrupted,
	} {
		codes = append(codes, fmt.Sprintf("\n  %3d  ", c))
	}
	for _, s := range config.Settings() {
		variables = append(variables, s.Env...)
	}
	for topic, want := range map[string][]string{
		"exit-codes":    codes,
		"environment":   append(variables, "STEM_CONFIG", "NO_COLOR", "default: 10s"),
		"configuration": {"stem.yaml", "${env:NAME}", "config show --origin"},
		"formatting":    {"jsonl", "--jq", "nextCursor"},
	} {
		stdout, stderr, code := run(t, "", "help", topic)
		if code != exitOK || stderr != "" {
			t.Errorf("help %s: exit %d, %q", topic, code, stderr)
		}
		for _, w := range want {
			if !strings.Contains(stdout, w) {
				t.Errorf("help %s says nothing about %q", topic, w)
			}
		}
		for line := range strings.Lines(stdout) {
			if topic != "environment" && console.TextWidth(line) > 110 {
				t.Errorf("help %s: a line of %d columns: %s", topic, console.TextWidth(line), line)
			}
		}
		if direct, _, _ := run(t, "", topic); direct != stdout {
			t.Errorf("stem %s prints something else than stem help %s", topic, topic)
		}
	}
}

func TestHelpTopicsAreListedApart(t *testing.T) {
	stdout, _, _ := run(t, "", "--help")
	commands, topics, found := strings.Cut(stdout, "Additional help topics")
	if !found || strings.Contains(commands, "exit-codes") {
		t.Errorf("got %q", stdout)
	}
	for _, c := range helpTopics() {
		if !strings.Contains(topics, c.Use) {
			t.Errorf("%s is not listed", c.Use)
		}
	}
}
