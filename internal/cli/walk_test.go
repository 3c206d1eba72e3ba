package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

// needs are the arguments without which a command does nothing. A new command
// that takes some must be added here.
var needs = map[string][]string{
	"enqueue":      {"test.obey"},
	"task show":    {"dead-000"},
	"task wait":    {"dead-000"},
	"task retry":   {"dead-000"},
	"task cancel":  {"dead-000"},
	"task explain": {"dead-000"},
	"queue show":   {"default"},
	"queue purge":  {"default"},
	"dlq show":     {"dead-000"},
	"dlq replay":   {"--all"},
	"dlq purge":    {"--all"},
	"demo":         {"--dir", ".", "--dry-run"},
	"bench":        {"--tasks", "200", "--duration", "0"},
	"worker ping":  {"--timeout", "10ms"},
}

// mutating are the commands that change the store, and so have --dry-run.
var mutating = []string{"enqueue", "task retry", "task cancel", "queue purge", "dlq replay", "dlq purge"}

// TestEveryLeafInJSON runs every command with -o json: what comes is JSON, or
// the command says that it has none.
func TestEveryLeafInJSON(t *testing.T) {
	for path, c := range leaves(t) {
		if c.IsAdditionalHelpTopicCommand() || !c.Runnable() || path == "help" || c.Annotations["help-topic"] != "" {
			continue
		}
		w := newWorkplace(t)
		w.dead(1)
		words := strings.Fields(path)
		if words[0] == "help" || len(words) == 1 && isTopic(words[0]) {
			continue
		}
		args := append(append(words, needs[path]...), "-o", "json", "--no-input")
		out, stderr, code := run(t, "", args...)
		if code == exitUsage {
			if out != "" || !strings.HasPrefix(stderr, `{"error":`) {
				t.Errorf("%v: exit 64 with stdout %q, stderr %q", args, out, stderr)
			}
			continue
		}
		for _, doc := range documents(out) {
			if !json.Valid([]byte(doc)) {
				t.Errorf("%v: exit %d, not JSON: %.200q", args, code, out)
			}
		}
		if code == exitBug || out == "" && code == exitOK && path != "dlq export" {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, code, out, stderr)
		}
	}
}

// documents splits output of one JSON object a line; an indented one is whole.
func documents(out string) []string {
	if json.Valid([]byte(out)) || out == "" {
		return []string{"null"}
	}
	return strings.Split(strings.TrimSpace(out), "\n")
}

func isTopic(name string) bool {
	for _, c := range helpTopics() {
		if c.Name() == name {
			return true
		}
	}
	return false
}

// TestDryRunChangesNothing runs every command that changes the store with
// --dry-run, and compares the whole store before and after.
func TestDryRunChangesNothing(t *testing.T) {
	w := newWorkplace(t)
	w.dead(3)
	w.stem(exitOK, "enqueue", "test.obey", "--id", "waiting")
	store := func() string {
		tasks, _ := w.stem(exitOK, "task", "ls", "--all", "-o", "jsonl")
		queues, _ := w.stem(exitOK, "queue", "ls", "-o", "jsonl", "--fields", "queue,ready,delayed,dead,cancelled,enqueued,failed")
		return tasks + queues
	}
	before := store()
	all := leaves(t)
	for _, path := range mutating {
		if all[path].Flags().Lookup("dry-run") == nil {
			t.Errorf("%s has no --dry-run", path)
			continue
		}
		args := append(append(strings.Fields(path), needs[path]...), "--dry-run")
		if path == "task cancel" {
			args = []string{"task", "cancel", "waiting", "--dry-run"}
		}
		w.stem(exitOK, args...)
		if after := store(); after != before {
			t.Fatalf("stem %v changed the store:\n%s\nbefore:\n%s", args, after, before)
		}
	}
}

// TestNoTerminalMeansNoConfirmation runs what has to be confirmed without a
// terminal: nothing happens, and the message names --yes.
func TestNoTerminalMeansNoConfirmation(t *testing.T) {
	w := newWorkplace(t)
	w.dead(3)
	w.stem(exitOK, "enqueue", "test.obey", "--id", "waiting")
	for _, args := range [][]string{
		{"queue", "purge", "default"}, {"dlq", "purge", "--all"}, {"dlq", "replay", "--all"}, {"task", "cancel", "waiting", "dead-000"},
	} {
		_, stderr := w.stem(exitUsage, args...)
		if !strings.Contains(stderr, "--yes") {
			t.Errorf("stem %v: %q", args, stderr)
		}
	}
	if out, _ := w.stem(exitOK, "task", "show", "waiting", "-o", "json", "--jq", ".state"); out != "queued\n" || w.deadCount() != 3 {
		t.Errorf("something was changed: %s, %d dead letters", out, w.deadCount())
	}
}

func TestHealthForMonitoring(t *testing.T) {
	w := newWorkplace(t)
	w.dead(1)
	if out, _ := w.stem(exitOK, "health", "-o", "nagios"); !strings.HasPrefix(out, "STEM WARNING - ") || strings.Count(out, "\n") != 1 {
		t.Errorf("nagios: %q", out)
	}
	if out, _ := w.stem(exitOK, "health", "-o", "prometheus"); !strings.Contains(out, `stem_health{check="store"} 1`) {
		t.Errorf("prometheus: %q", out)
	}
	w.stem(exitUsage, "queue", "ls", "-o", "nagios")
}

func containsAny(text string, words ...string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
