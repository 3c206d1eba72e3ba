package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/pkg/runtime/config"
)

// helpTopics are pages of `stem help` that belong to no command. cobra takes a
// command that cannot be run for such a page.
func helpTopics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "What the exit codes of stem mean", Long: exitCodesTopic()},
		{Use: "environment", Short: "The variables that stem looks at", Long: environmentTopic()},
		{Use: "configuration", Short: "Where settings come from", Long: configTopic},
		{Use: "formatting", Short: "Output for people, for pipes and for programs", Long: formattingTopic},
	}
}

// exitCodes explains the codes of exit.go.
var exitCodes = []struct {
	code int
	text string
}{
	{exitOK, "done; an empty list is fine, and so is a worker that was stopped in good order"},
	{exitNegative, "it ran and the answer is no: not found, a task failed, unhealthy, declined"},
	{exitPartial, "some items failed; the output has the counts"},
	{exitUsage, "wrong usage, or a confirmation is needed and nobody is there: add --yes"},
	{exitUnavailable, "the store cannot be opened or reached"},
	{exitBug, "a mistake of stem itself; the message names a file to report"},
	{exitTimeout, "the time ran out; trying again may work"},
	{exitDenied, "no permission, or wrong credentials"},
	{exitConfig, "the configuration is wrong; the message names file and line"},
	{exitInterrupted, "interrupted with Ctrl-C; what was done is done, and counted in the output"},
}

func exitCodesTopic() string {
	var b strings.Builder
	b.WriteString("The exit codes of every command:\n\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", c.code, c.text)
	}
	return b.String()
}

// surroundings are variables that are no settings: what tells stem about the
// terminal and the person.
var surroundings = []struct{ name, text string }{
	{"STEM_CONFIG", "the configuration file; --config wins over it"},
	{"STEM_OPERATOR", "who you are, for the audit (default: user@host)"},
	{"NO_COLOR, CLICOLOR=0, TERM=dumb", "no colours; CLICOLOR_FORCE=1 asks for them in a pipe, too"},
	{"COLUMNS", "the width of the terminal"},
	{"ACCESSIBLE, STEM_ACCESSIBLE", "any value: nothing is redrawn or drawn with lines"},
	{"STEM_FORCE_TTY", "columns: write as to a terminal of that width"},
}

func environmentTopic() string {
	var b strings.Builder
	b.WriteString("Variables that set a key of the configuration. A flag wins over them, and they over stem.yaml:\n")
	for _, s := range config.Settings() {
		if len(s.Env) > 0 {
			fmt.Fprintf(&b, "\n  %s\n      %s\n", strings.Join(s.Env, ", "), settingText(s))
		}
	}
	b.WriteString("\nOther variables:\n")
	for _, s := range surroundings {
		fmt.Fprintf(&b, "\n  %s\n      %s\n", s.name, s.text)
	}
	return b.String()
}

func settingText(s config.Setting) string {
	key := s.Key
	if s.Flag != "" {
		key += " (" + s.Flag + ")"
	}
	text := fmt.Sprintf("%s: %s. Takes: %s", key, s.Help, s.Takes)
	if s.Default != "" {
		text += "; default: " + s.Default
	}
	return text
}

const configTopic = `Stem works without any configuration: tasks then live in the SQLite file .stem/stem.db, beside the
nearest stem.yaml or .stem directory at or above the working directory, else in the working directory.

Settings come from four places; the first that says something wins:

  1. a flag                 --store sqlite:jobs.db
  2. a variable             STEM_STORE=sqlite:jobs.db           see: stem help environment
  3. stem.yaml              store: sqlite:jobs.db
  4. the default

The file is the one named by --config or STEM_CONFIG, else the nearest stem.yaml at or above the
working directory. A small one:

  store: sqlite:jobs.db
  worker: {concurrency: 4}
  tasks:
    mail.send:
      exec: [python3, send.py]
      retries: {max: 5, backoff: 2s}
      limits: {hard: 1m}

In it, ${env:NAME}, ${env:NAME:-default} and ${file:PATH} bring in values that do not belong into a
file; they are never printed. "include: [tasks/*.yaml]" brings in further files. Relative paths start
at the file that says them. Durations are written 250ms, 30s, 5m, 2h or 1d12h.

  stem init                    write a stem.yaml to start from
  stem config check            find every mistake, with file and line
  stem config show --origin    every setting, its value, and where it comes from
  stem config path             the file that is read`

const formattingTopic = `On a terminal, lists are tables that fit its width, with relative times. In a pipe they are
tab-separated, without a header, never cut, with full ids and times in RFC 3339 (UTC).

  -o table    the aligned table, also in a pipe
  -o wide     with all columns, as wide as they are
  -o json     one document; lists are {"items": [...], "nextCursor": "", "asOf": ""}
  -o jsonl    one item a line
  -o yaml     the same document as YAML
  -o name     ids only
  -o none     nothing; the exit code tells

  --json                      same as -o json
  --fields id,state           only these keys; tab-separated unless JSON is asked for
  --jq '.items[].id'          a jq query over the JSON
  --template '{{.items}}'     a Go template over the JSON
  --color always|never|auto   --no-color; NO_COLOR is obeyed
  --width 100                 columns of the table

The result goes to standard output. Hints, prompts, progress, logs and errors go to standard error; with
-o json an error is {"error": {"code": "", "message": "", "hint": ""}} there.

JSON keys are camelCase and only ever added. Times are RFC 3339 with milliseconds, UTC; durations are
whole numbers in keys that end in Ms.

  stem task ls --state failed -o name | stem task show -
  stem queue ls -o json --jq '.items[] | select(.ready > 1000) | .queue'`
