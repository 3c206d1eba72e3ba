//go:build unix

package doctest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeStem stands in for the binary: it fails on a subcommand it does not know, and knows a broken configuration.
const fakeStem = `#!/bin/sh
case "$1" in
  hello) echo "hello   $2 from $(basename "$0")"; echo done ;;
  serve) exec tail -f /dev/null ;;
  config) ! grep -q broken "$4" ;;
  env) echo "store=$STEM_STORE" ;;
  *) echo "stem: unknown command" >&2; exit 64 ;;
esac
`

// fenced puts a page's text between fences: "~" stands for a backquote.
func fenced(text string) string { return strings.ReplaceAll(text, "~", "`") }

func TestCheck(t *testing.T) {
	c := Checker{Root: "../..", Bin: t.TempDir()}
	if err := os.WriteFile(filepath.Join(c.Bin, "stem"), []byte(fakeStem), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STEM_STORE", "the caller's own") // must not be seen by a page
	tests := []struct {
		name string
		page string
		want []string // a part of each problem, in order
	}{
		{"a program compiles", "~~~go\npackage main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println() }\n~~~\n", nil},
		{"a program does not", "~~~go\npackage main\n\nfunc main() { undefined() }\n~~~\n", []string{"page.md:4: undefined: undefined"}},
		{"a program has an unused import", "~~~go\npackage main\n\nimport \"fmt\"\n\nfunc main() {}\n~~~\n", []string{`page.md:4: "fmt" imported and not used`}},
		{"a syntax error", "~~~go\nfunc {\n~~~\n", []string{"page.md:2"}},
		{"an unknown package", "~~~go\npackage main\n\nimport \"example.org/leftpad\"\n\nfunc main() { leftpad.Pad() }\n~~~\n", []string{"no package example.org/leftpad"}},
		{"fragments share a page", "~~~go\nfunc greet() string { return fmt.Sprint(1) }\n~~~\n\n~~~go\ns := greet()\n~~~\n", nil},
		{"fragments may return an error", "~~~go\nif err := context.Cause(ctx); err != nil {\n\treturn err\n}\n~~~\n<!-- go\nvar ctx context.Context\n-->\n", nil},
		{"fragments know the packages of stem", "~~~go\nvar e runtime.Envelope\n~~~\n", nil},
		{"a fragment has a wrong type", "~~~go\nvar n int = \"one\"\n~~~\n", []string{"page.md:2: cannot use"}},
		{"a fragment in a function has a wrong type", "text\n\n~~~go\nn := 1\nn = \"one\"\n~~~\n", []string{"page.md:5: cannot use"}},
		{"a hidden fragment is wrong", "<!-- go\nvar x nonsense\n-->\n", []string{"page.md:2: undefined: nonsense"}},
		{"a program runs", "~~~go run\npackage main\n\nfunc main() { println(\"a\\n\\nb\") }\n~~~\n~~~output\na\n\nb\n~~~\n", nil},
		{"a program prints something else", "~~~go run\npackage main\n\nfunc main() { println(\"a\") }\n~~~\n~~~output\nb\n~~~\n", []string{`lacks, or has not at its place, "b"`}},
		{"a program fails", "~~~go run\npackage main\n\nimport \"os\"\n\nfunc main() { os.Exit(3) }\n~~~\n", []string{"exit code 3"}},
		{"a command works", "~~~console\n$ stem hello you\nanything may stand here\n~~~\n", nil},
		{"a command is run from the source", "~~~console\n$ go run ./cmd/stem nope\n~~~\n", []string{"exit code 64"}},
		{"a command of the machine is not run", "~~~console\n$ go install example.org/nothing@latest\n$ scripts/test unit\n~~~\n", nil},
		{"a command fails", "~~~console\n$ stem hello you\n$ stem nope\n~~~\n", []string{"page.md:3: stem nope: exit code 64, want 0"}},
		{"a command fails as said", "~~~console\n$ stem nope   # exit 64\n~~~\n", nil},
		{"a command works where it should fail", "~~~console\n$ stem hello   # exit 64\n~~~\n", []string{"exit code 0, want 64"}},
		{"output as shown", "~~~console check\n$ stem hello \\\n> you\nhello you from …\ndone\n~~~\n", nil},
		{"output in another order", "~~~console check\n$ stem hello you\ndone\nhello you from …\n~~~\n", []string{`"hello you from …"`}},
		{"output of another command", "~~~console check\n$ stem hello you\n$ stem hello me\nhello you …\n~~~\n", []string{"page.md:3"}},
		{"no output for what is shown", "~~~console check\n$ stem hello you\nhell\n~~~\n", []string{`"hell"`}},
		{"the environment is not the caller's", "~~~console check\n$ stem env\nstore=\n~~~\n", nil},
		{"a block without a command", "~~~console\nstem hello\n~~~\n", []string{"page.md:2: no command"}},
		{"a command in the background", "~~~console background\n$ stem serve\n~~~\n~~~console\n$ stem hello you\n~~~\n", nil},
		{"a stray background command", "~~~console\n$ stem serve &\n~~~\n", []string{"console background"}},
		{"files are written", "~~~python file=jobs/send.py\nprint(1)\n~~~\n~~~console check\n$ cat jobs/send.py\nprint(1)\n~~~\n", nil},
		{"a file outside", "~~~text file=../x\n~~~\n", []string{"escapes"}},
		{"a configuration", "~~~yaml\nstore: memory://\n~~~\n", nil},
		{"a broken configuration", "~~~yaml\nbroken: true\n~~~\n", []string{"page.md:2: stem config check: exit code 1"}},
		{"a broken configuration with a name", "~~~yaml file=stem.yaml\nbroken: true\n~~~\n", []string{"stem config check"}},
		{"another program's configuration", "~~~yaml other\nbroken: true\n~~~\n", nil},
		{"JSON", "~~~json\n{\"a\": [1]}\n~~~\n~~~jsonl\n{}\n{}\n~~~\n", nil},
		{"broken JSON", "~~~json\n{\"a\": [1}\n~~~\n", []string{"page.md:2: not valid JSON"}},
		{"a broken JSON line", "~~~jsonl\n{}\n{\n~~~\n", []string{"page.md:3: not valid JSON"}},
		{"no language", "~~~\nstem hello\n~~~\n", []string{"without a language"}},
		{"a shell script that nobody runs", "~~~sh\nstem hello\n~~~\n", []string{`no check for language "sh"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, err := ParsePage("page.md", fenced(tt.page))
			if err != nil {
				t.Fatal(err)
			}
			got := c.Check(page, t.TempDir())
			if len(got) != len(tt.want) {
				t.Fatalf("problems:\n%s\nwant %d", strings.Join(got, "\n"), len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("problem %q, want something with %q", got[i], want)
				}
			}
		})
	}
}

// A role that dies while the page goes on is the page's failure, with what it said.
func TestBackgroundEndsEarly(t *testing.T) {
	s := newShell(t.TempDir(), t.TempDir())
	defer s.close()
	b := Block{Page: "page.md", Line: 7, Mods: []string{"background"}, Text: "$ echo no store; exit 3\n"}
	if problems := s.console(b); problems != nil {
		t.Fatal(problems)
	}
	<-s.background[0].ended
	got := strings.Join(s.endedEarly(), "\n")
	if want := "page.md:7: ended before the page: exit status 3\nno store\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParsePage(t *testing.T) {
	page, err := ParsePage("page.md", fenced("a\n~~~~text file=x\n~~~go\ninner\n~~~\n~~~~\n<!-- go\nvar x int\n-->\n<!-- go see -->\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Blocks) != 2 {
		t.Fatalf("blocks %+v, want 2", page.Blocks)
	}
	outer, hidden := page.Blocks[0], page.Blocks[1]
	if outer.Lang != "text" || outer.file() != "x" || outer.Line != 3 || outer.Text != fenced("~~~go\ninner\n~~~\n") {
		t.Errorf("outer block %+v", outer)
	}
	if hidden.Lang != "go" || hidden.Line != 8 || hidden.Text != "var x int\n" {
		t.Errorf("hidden block %+v", hidden)
	}
}

func TestParsePageUnclosed(t *testing.T) {
	_, err := ParsePage("page.md", fenced("a\n~~~go\nfunc f() {}\n"))
	if err == nil || !strings.Contains(err.Error(), "page.md:2") {
		t.Errorf("error %v, want one for page.md:2", err)
	}
}
