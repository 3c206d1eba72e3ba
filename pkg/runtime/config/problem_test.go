package config_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/config"
)

// Each mistake is reported at its line, in words that say what to do.
func TestMistakes(t *testing.T) {
	cases := []struct {
		name, text string
		line       int
		message    string
		hint       string
	}{
		{"unknown key", "stroe: x", 1, "unknown key stroe", "did you mean store?"},
		{"swapped letters", "worker:\n  qeueus: [a]", 2, "unknown key worker.qeueus", "did you mean queues?"},
		{"far from everything", "worker:\n  abrakadabra: 5", 2, "unknown key worker.abrakadabra", "known here: concurrency, heartbeat, lease, max_losses, max_result, name, prefetch, prefetch_multiplier, queues, soft_grace"},
		{"unknown key of a task", "tasks:\n  a:\n    exec: [a]\n    retires: 5", 4, "unknown key tasks.a.retires", "did you mean retries?"},
		{"key of exec beside it", "tasks:\n  a:\n    exec: [a]\n    dir: b", 4, "unknown key tasks.a.dir", "did you mean exec.dir?"},
		{"dotted key", "worker.lease: 5s", 1, "unknown key worker.lease", "write it as nested mappings, without dots"},
		{"key with control characters", "\"a\\x1b[31m\": 1", 1, `unknown key "a\x1b[31m"`, ""},
		{"wrong type", "worker:\n\n  concurrency: many", 3, `worker.concurrency: want a whole number, got "many"`, ""},
		{"out of range", "worker: {concurrency: -4}", 1, `worker.concurrency: want a number from 1 to 100000, got "-4"`, ""},
		{"fraction", "worker: {concurrency: 1.5}", 1, `worker.concurrency: want a whole number, got "1.5"`, ""},
		{"list for a number", "worker: {concurrency: [1]}", 1, "worker.concurrency: want a whole number, got a list", ""},
		{"word for a mapping", "worker: fast", 1, `worker: want a mapping, got "fast"`, ""},
		{"mapping for a word", "store: {a: b}", 1, "store: want text, got a mapping", ""},
		{"nothing", "store:", 1, "store: want text, got nothing", ""},
		{"bool for text", "tasks:\n  a: {exec: [a], description: true}", 2, "tasks.a.description: want text, got true", `write "true" in quotes`},
		{"bad duration", "worker: {lease: 5}", 1, `worker.lease: bad duration "5": it has no unit`, "write it like"},
		{"negative duration", "defaults: {limits: {hard: -5s}}", 1, `defaults.limits.hard: bad duration "-5s"`, ""},
		{"too short", "worker: {lease: 5ms}", 1, `worker.lease: want at least 1s, got "5ms"`, ""},
		{"zero", "worker: {heartbeat: 0}", 1, `worker.heartbeat: want a duration above zero, got "0"`, ""},
		{"bad rate", "defaults: {limits: {rate: fast}}", 1, `defaults.limits.rate: bad rate "fast"`, "write it like"},
		{"bad size", "worker: {max_result: 5XB}", 1, `worker.max_result: want a size like "64KiB" or "10MB", got "5XB"`, ""},
		{"bad word", "log: {level: warning}", 1, `log.level: want debug, info, warn, error; got "warning"`, ""},
		{"near word", "log: {level: inof}", 1, `log.level: want debug, info, warn, error; got "inof"`, "did you mean info?"},
		{"bad bool", "defaults: {acks_late: maybe}", 1, `defaults.acks_late: want true or false, got "maybe"`, ""},
		{"bad priority", "defaults: {priority: 10}", 1, `defaults.priority: want a number from 0 to 9, got "10"`, ""},
		{"bad queue", "defaults: {queue: a b}", 1, `defaults.queue: queue "a b" has the character ' '`, "use letters"},
		{"limits in the wrong order", "defaults: {limits: {soft: 2m, hard: 1m}}", 1, "defaults: soft limit 2m0s is after the hard limit 1m0s", ""},
		{"no queues", "worker: {queues: []}", 1, "worker.queues: want at least one queue", ""},
		{"queue twice", "worker: {queues: [a, a]}", 1, "worker.queues: queue a is named twice", ""},
		{"bad weight", "worker: {queues: {a: 0}}", 1, `worker.queues: weight of a: want a number from 1 to 1000, got "0"`, ""},
		{"unique in the defaults", "defaults: {unique: true}", 1, "unknown key defaults.unique", ""},
		{"neither exec nor http", "tasks:\n  a: {queue: b}", 2, "tasks.a: it has neither exec nor http", "say what runs"},
		{"both exec and http", "tasks:\n  a: {exec: [a], http: {url: b}}", 2, "tasks.a: it has both exec and http", "make two tasks"},
		{"no url", "tasks:\n  a: {http: {method: GET}}", 2, "tasks.a: http has no url", ""},
		{"no command", "tasks:\n  a: {exec: {dir: b}}", 2, "tasks.a: exec has no command", ""},
		{"a line of shell", "tasks:\n  a: {exec: echo a b}", 2, `tasks.a.exec: want a list, got "echo a b"`, "one line of shell"},
		{"empty command", "tasks:\n  a: {exec: []}", 2, "tasks.a.exec: the list is empty", ""},
		{"bad task name", "tasks:\n  a b: {exec: [a]}", 2, `task name "a b" has the character ' '`, ""},
		{"task name with control characters", "tasks:\n  \"a\\nb\": {exec: [a]}", 2, `task name "a\nb" has the character '\n'`, ""},
		{"task is a word", "tasks:\n  a: b", 2, `tasks.a: want a mapping, got "b"`, ""},
		{"tasks are a list", "tasks:\n  - a", 2, "tasks: want a mapping of names to tasks, got a list", ""},
		{"queues are a list", "queues: [a]", 1, "queues: want a mapping of names to settings, got a list", ""},
		{"bad depth", "queues: {a: {max_depth: -1}}", 1, `queues.a.max_depth: want a number from 0`, ""},
		{"task twice", "tasks:\n  a: {exec: [a]}\n  a: {exec: [b]}", 3, "key a is there twice, first in line 2", ""},
		{"key twice", "store: a\nlog:\nstore: b", 3, "key store is there twice, first in line 1", ""},
		{"bad exit code", "tasks:\n  a: {exec: {command: [a], exit_codes: {retry: [256]}}}", 2, `tasks.a.exec.exit_codes.retry: want a code from 1 to 255`, ""},
		{"bad status range", "tasks:\n  a: {http: {url: b, retry: [599-500]}}", 2, "tasks.a.http.retry: want a code from 100 to 599", ""},
		{"list in an environment", "tasks:\n  a: {exec: {command: [a], env: {A: [b]}}}", 2, "tasks.a.exec.env: A: want text, got a list", ""},
		{"missing variable", "store: ${env:NOPE}", 1, "the environment has no NOPE", "${env:NOPE:-default}"},
		{"missing file", "store: ${file:nope}", 1, "read ${file:nope}: no such file", ""},
		{"not a file", "store: ${file:.}", 1, "read ${file:.}: not a regular file", ""},
		{"missing include", "log:\ninclude: [nope.yaml]", 2, "include: there is no nope.yaml", ""},
		{"includes itself", "include: stem.yaml", 1, "includes itself", ""},
		{"not YAML", "a: b\n  c: d", 2, "not YAML: mapping values are not allowed", "indentation"},
		{"tab", "worker:\n\tlease: 5s", 2, "not YAML: found character that cannot start any token", ""},
		{"two documents", "store: a\n---\nstore: b", 2, "there is a second document", ""},
		{"not a mapping", "- a", 1, "the file is a list, not a mapping", ""},
		{"a word", "hello", 1, `the file is "hello", not a mapping`, ""},
		{"key that is a list", "[a]: b", 1, "a key must be a word", ""},
		{"merge of a word", "tasks:\n  a: {<<: b, exec: [a]}", 2, "<<: wants a mapping", ""},
		{"alias in itself", "a: &a [*a]", 1, "the alias *a holds itself", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.text)
			var ps *config.Problems
			if !errors.As(err, &ps) || !errors.Is(err, runtime.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			for _, p := range ps.List {
				if p.Origin.Line == c.line && strings.Contains(p.Message, c.message) && strings.Contains(p.Hint, c.hint) && strings.HasSuffix(p.Origin.File, "stem.yaml") {
					return
				}
			}
			t.Errorf("want line %d: %s (%s)\ngot %v", c.line, c.message, c.hint, err)
		})
	}
}

func TestManyMistakes(t *testing.T) {
	var b strings.Builder
	for i := range 13 {
		fmt.Fprintf(&b, "mistake%d: x\n", i)
	}
	_, err := load(t, b.String())
	var ps *config.Problems
	if !errors.As(err, &ps) || len(ps.List) != 10 || ps.More != 3 || !strings.HasSuffix(err.Error(), "\nand 3 more") {
		t.Fatalf("got %v", err)
	}
	for i, p := range ps.List {
		if p.Origin.Line != i+1 {
			t.Errorf("problem %d is at line %d", i, p.Origin.Line)
		}
	}
	if n := strings.Count(err.Error(), "\n"); n != 10 {
		t.Errorf("%d lines in\n%v", n+1, err)
	}
}

func TestMistakesElsewhere(t *testing.T) {
	_, err := config.Load(config.LoadOptions{
		Dir: t.TempDir(), Env: map[string]string{"STEM_WORKER_CONCURRENCY": "lots"},
		Flags: []config.Override{{Key: "log.level", Value: "loud", Flag: "--log-level"}, {Key: "worker.leese", Value: "1s", Flag: "--leese"}},
	})
	for _, want := range []string{
		`STEM_WORKER_CONCURRENCY (environment): worker.concurrency: want a whole number, got "lots"`,
		`--log-level (flag): log.level: want debug, info, warn, error; got "loud"`,
		`--leese (flag): unknown key worker.leese`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestDuplicateTasksAcrossFiles(t *testing.T) {
	dir := tree(t, map[string]string{
		"stem.yaml": "include: [a.yaml, b.yaml]\ntasks:\n  own: {exec: [a]}\n",
		"a.yaml":    "tasks:\n  twice: {exec: [a]}\n  own: {exec: [b]}\n",
		"b.yaml":    "\ntasks:\n  twice: {exec: [b]}\n",
	})
	_, err := config.Load(config.LoadOptions{Dir: dir, Env: map[string]string{}})
	for _, want := range []string{
		filepath.Join(dir, "b.yaml") + ":3: task twice is declared twice, also at " + filepath.Join(dir, "a.yaml") + ":2",
		filepath.Join(dir, "stem.yaml") + ":3: task own is declared twice, also at " + filepath.Join(dir, "a.yaml") + ":3",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestIncludeCycle(t *testing.T) {
	dir := tree(t, map[string]string{"stem.yaml": "include: a.yaml", "a.yaml": "log:\ninclude: stem.yaml"})
	_, err := config.Load(config.LoadOptions{Dir: dir, Env: map[string]string{}})
	if want := filepath.Join(dir, "a.yaml") + ":2: " + filepath.Join(dir, "stem.yaml") + " includes itself"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("no %q in\n%v", want, err)
	}
}

// A value that came from elsewhere may be a secret; a mistake must not print it.
func TestMistakesHoldNoSecrets(t *testing.T) {
	dir := tree(t, map[string]string{"stem.yaml": `
worker: {lease: "${env:PASS}", concurrency: "${env:PASS}", queues: ["${env:PASS} x"], max_result: "${env:PASS}"}
log: {level: "${env:PASS}"}
defaults: {limits: {rate: "${env:PASS}"}, queue: "${env:PASS} y"}
tasks: {a: {exec: "${env:PASS}"}, b: "${env:PASS}"}
include: "${env:PASS}.yaml"
`})
	_, err := config.Load(config.LoadOptions{Dir: dir, Env: map[string]string{"PASS": "hunter2"}})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	if want := "stem.yaml:2: worker.lease: want duration, got ***"; err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("no %q in\n%v", want, err)
	}
}

func TestBillionLaughs(t *testing.T) {
	text := "x-a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for c := 'b'; c <= 'j'; c++ {
		text += fmt.Sprintf("x-%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10), ", "))
	}
	if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), "the file holds more than 100000 values") {
		t.Errorf("got %v", err)
	}
}
