//go:build unix

package doctest

import (
	"regexp"
	"strconv"
	"strings"
)

// elsewhere are the commands that set up a machine or work on the repository: there is nothing of stem's in them to test
// from a page.
var elsewhere = regexp.MustCompile(`^(go|git|cd|just|sudo|apt-get|brew|docker|systemctl|kubectl|scripts/\S+)( |$)`)

// exitComment is how a page says that a command fails: "# exit 64".
var exitComment = regexp.MustCompile(`\s+# exit (\d+)$`)

// step is one command of a console block with what the page shows below it.
type step struct {
	line    int // within the block, from zero
	command string
	exit    int
	shown   []string
}

// steps cuts a console block into commands. A command goes on in the next line after a backslash.
func steps(text string) []step {
	var all []step
	goesOn := false
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case goesOn:
			last := &all[len(all)-1]
			last.command += "\n" + strings.TrimPrefix(line, "> ")
		case isCommand:
			all = append(all, step{line: i, command: command})
		case len(all) > 0 && strings.TrimSpace(line) != "":
			all[len(all)-1].shown = append(all[len(all)-1].shown, line)
		}
		goesOn = (goesOn || isCommand) && strings.HasSuffix(line, `\`)
	}
	for i := range all {
		if m := exitComment.FindStringSubmatch(all[i].command); m != nil {
			all[i].exit, _ = strconv.Atoi(m[1]) // the pattern admits digits only
			all[i].command = strings.TrimSuffix(all[i].command, m[0])
		}
		all[i].command = strings.ReplaceAll(all[i].command, "go run ./cmd/stem", "stem")
	}
	return all
}

// console runs the commands of a block.
func (s *shell) console(b Block) []string {
	all := steps(b.Text)
	if len(all) == 0 {
		return []string{b.problem(0, "no command; a command stands after \"$ \", output alone is text")}
	}
	var problems []string
	for _, st := range all {
		switch {
		case elsewhere.MatchString(st.command):
		case strings.HasSuffix(strings.TrimSpace(st.command), "&"):
			problems = append(problems, b.problem(st.line, "%s: mark the block \"console background\" instead of &", st.command))
		case b.has("background"):
			problems = append(problems, s.start(b, st)...)
		default:
			problems = append(problems, s.step(b, st)...)
		}
	}
	return problems
}

func (s *shell) step(b Block, st step) []string {
	output, exit, err := s.run("sh", "-c", st.command)
	switch {
	case err != nil:
		return []string{b.problem(st.line, "%s: %v\n%s", st.command, err, output)}
	case exit != st.exit:
		return []string{b.problem(st.line, "%s: exit code %d, want %d\n%s", st.command, exit, st.exit, output)}
	case b.has("check"):
		if missing := missingLine(st.shown, output); missing != "" {
			return []string{b.problem(st.line, "%s: the output lacks, or has not at its place, %q\n%s", st.command, missing, output)}
		}
	}
	return nil
}

// missingLine returns the first line of want that is not found in output after the ones before it; "" if all are.
// Runs of blanks count as one.
func missingLine(want []string, output string) string {
	lines := strings.Split(output, "\n")
	for _, w := range want {
		found := strings.TrimSpace(w) == ""
		for len(lines) > 0 && !found {
			found = lineMatches(w, lines[0])
			lines = lines[1:]
		}
		if !found {
			return w
		}
	}
	return ""
}

// lineMatches compares a line of a page with one that was printed; "…" stands for anything, also nothing.
func lineMatches(want, got string) bool {
	want, got = strings.Join(strings.Fields(want), " "), strings.Join(strings.Fields(got), " ")
	var pattern strings.Builder
	for i, part := range strings.Split(want, "…") {
		if i > 0 {
			pattern.WriteString(".*")
		}
		pattern.WriteString(regexp.QuoteMeta(part))
	}
	return regexp.MustCompile("^" + pattern.String() + "$").MatchString(got)
}
