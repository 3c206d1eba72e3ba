package cli

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/console"
)

// run executes one command as the binary would, in a pipe, and returns what it
// printed and its exit code.
func run(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	con := &console.Console{In: strings.NewReader(stdin), Out: &out, Err: &errs, Env: func(string) string { return "" }}
	code = Main(Options{Args: args, Console: con})
	return out.String(), errs.String(), code
}

// leaves returns every command that does something, with its path after "stem".
func leaves(t *testing.T) map[string]*cobra.Command {
	t.Helper()
	all := map[string]*cobra.Command{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			walk(child)
		}
		if c.Runnable() && c.Example != "" || c.Runnable() && !c.HasSubCommands() {
			all[strings.TrimPrefix(c.CommandPath(), "stem ")] = c
		}
	}
	root := newRoot(testApp())
	walk(root)
	if len(all) < 20 {
		t.Fatalf("only %d commands found", len(all))
	}
	return all
}

func testApp() *app {
	a := &app{console: &console.Console{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Env: func(string) string { return "" }}}
	a.printer = newPrinter(a.console, nil)
	return a
}

func TestEveryCommandHasHelpAndAnExample(t *testing.T) {
	for path, c := range leaves(t) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its short help is missing or ends with a period: %q", path, c.Short)
		}
		if !c.IsAdditionalHelpTopicCommand() && !strings.Contains(c.Example, "stem ") {
			t.Errorf("%s: it has no example", path)
		}
		out, _, code := run(t, "", append(strings.Fields(path), "--help")...)
		if code != exitOK || out == "" {
			t.Errorf("%s --help: exit %d", path, code)
		}
	}
}

// TestEveryExampleParses checks that the flags of each example exist and fit.
func TestEveryExampleParses(t *testing.T) {
	for path, c := range leaves(t) {
		for line := range strings.SplitSeq(c.Example, "\n") {
			for command := range strings.SplitSeq(line, "|") {
				words := shellWords(command)
				if len(words) == 0 || words[0] != "stem" {
					continue
				}
				found, rest, err := newRoot(testApp()).Find(words[1:])
				if err == nil {
					err = found.ParseFlags(rest)
				}
				if err == nil && found.Args != nil {
					err = found.Args(found, found.Flags().Args())
				}
				if err != nil {
					t.Errorf("%s: example %q: %v", path, strings.TrimSpace(command), err)
				}
			}
		}
	}
}

// shellWords splits like a shell does, as far as the examples need it.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	quoted, inside := false, false
	for _, r := range strings.TrimSpace(line) + " " {
		switch {
		case r == '\'':
			quoted, inside = !quoted, true
		case r == ' ' && !quoted:
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if i := slices.Index(words, ">"); i >= 0 {
		words = words[:i]
	}
	return words
}

func TestEveryGroupRefusesAnUnknownCommand(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			walk(child)
		}
		if !c.HasAvailableSubCommands() || c.Name() == "completion" {
			return
		}
		path := strings.Fields(c.CommandPath())[1:]
		_, stderr, code := run(t, "", append(path, "nonsense")...)
		if code != exitUsage || !strings.Contains(stderr, "nonsense") || !strings.Contains(stderr, "hint:") {
			t.Errorf("%v nonsense: exit %d, %q", path, code, stderr)
		}
	}
	walk(newRoot(testApp()))
}

func TestTyposAreSuggested(t *testing.T) {
	for args, want := range map[string]string{
		"dlq nonsense":      "stem dlq has: export, ls, purge, replay, show",
		"worker pnig":       "stem worker ping",
		"taks ls":           "stem task",
		"task shwo x":       "stem task show",
		"queue lst":         "stem queue",
		"dlq ls --queu x":   "--queue",
		"version --outptu":  "--output",
		"queue ls --waitch": "--watch",
	} {
		_, stderr, code := run(t, "", strings.Fields(args)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("stem %s: exit %d, want 64 and %q in %q", args, code, want, stderr)
		}
	}
}

func TestBadGlobalFlagsAreUsage(t *testing.T) {
	for _, args := range []string{
		"version -o xml", "version --color pink", "version --json -o yaml", "version --width -3", "version --timeout 5",
		"version --timeout -5s", "version extra",
	} {
		_, stderr, code := run(t, "", strings.Fields(args)...)
		if code != exitUsage || !strings.HasPrefix(stderr, "stem: ") {
			t.Errorf("stem %s: exit %d, %q", args, code, stderr)
		}
	}
}

func TestErrorsAreJSONWhenTheOutputIs(t *testing.T) {
	t.Chdir(t.TempDir())
	stdout, stderr, code := run(t, "", "task", "show", "nope", "-o", "json", "--store", "foo://x")
	var doc struct {
		Error struct{ Code, Message, Hint string }
	}
	if err := json.Unmarshal([]byte(stderr), &doc); err != nil {
		t.Fatalf("exit %d, stdout %q, stderr %q: %v", code, stdout, stderr, err)
	}
	if doc.Error.Code != "unsupported" || doc.Error.Message == "" || doc.Error.Hint == "" {
		t.Errorf("got %+v", doc.Error)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"ping", "purge", "show", "ls"}
	for word, want := range map[string]string{"pnig": "ping", "pin": "ping", "sohw": "show", "nonsense": "", "x": "", "purg": "purge"} {
		if got := nearest(word, words); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
