//go:build unix

package doctest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Checker checks pages of one repository.
type Checker struct {
	Root string // of the module; Go snippets may import its packages
	Bin  string // directory that holds the stem binary; it goes in front of PATH
}

// prose are the languages of blocks that are there to be read.
var prose = map[string]bool{
	"text": true, "output": true, "diff": true, "mermaid": true, "sql": true, "toml": true, "ini": true,
	"dockerfile": true, "python": true, "javascript": true, "ruby": true, "make": true,
}

// Check runs the blocks of page from top to bottom in dir, an empty directory, and returns what is wrong with them.
func (c Checker) Check(page Page, dir string) []string {
	problems := c.checkGo(page)
	shell := newShell(c.Bin, dir)
	defer shell.close()
	for i, b := range page.Blocks {
		if err := writeFile(dir, b); err != nil {
			problems = append(problems, b.problem(-1, "%v", err))
		}
		var expected string
		if i+1 < len(page.Blocks) && page.Blocks[i+1].Lang == "output" {
			expected = page.Blocks[i+1].Text
		}
		problems = append(problems, c.checkBlock(b, expected, shell)...)
	}
	return append(problems, shell.endedEarly()...)
}

func (c Checker) checkBlock(b Block, expected string, shell *shell) []string {
	switch {
	case b.Lang == "console":
		return shell.console(b)
	case b.Lang == "go" && b.has("run"):
		return c.runProgram(b, expected, shell)
	case b.Lang == "yaml":
		return shell.checkConfig(b)
	case b.Lang == "json":
		return validJSON(b, b.Text, 0)
	case b.Lang == "jsonl":
		return validLines(b)
	case b.Lang == "go" || prose[b.Lang]:
		return nil
	case b.Lang == "":
		return []string{b.problem(-1, "a block without a language; say what it is: go, console, yaml, json or text")}
	}
	return []string{b.problem(-1, "no check for language %q; commands are console, other text is text", b.Lang)}
}

// writeFile writes a block with file=NAME to that name below dir.
func writeFile(dir string, b Block) error {
	name := b.file()
	if name == "" {
		return nil
	}
	root, err := os.OpenRoot(dir) // a page cannot write outside of its directory
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return root.WriteFile(name, []byte(b.Text), 0o755)
}

func validJSON(b Block, text string, line int) []string {
	if json.Valid([]byte(text)) {
		return nil
	}
	return []string{b.problem(line, "not valid JSON")}
}

func validLines(b Block) []string {
	var problems []string
	for i, line := range strings.Split(strings.TrimSpace(b.Text), "\n") {
		problems = append(problems, validJSON(b, line, i)...)
	}
	return problems
}

// checkConfig has stem check a block of YAML, unless it is another program's.
func (s *shell) checkConfig(b Block) []string {
	if b.has("other") {
		return nil
	}
	name := b.file()
	if name == "" {
		name = fmt.Sprintf("line%d.yaml", b.Line)
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(b.Text), 0o644); err != nil {
			return []string{b.problem(0, "%v", err)}
		}
		defer os.Remove(filepath.Join(s.dir, name))
	}
	output, exit, err := s.run("sh", "-c", `exec stem config check --config "$0"`, name)
	if err != nil || exit != 0 {
		return []string{b.problem(0, "stem config check: exit code %d %v\n%s", exit, err, output)}
	}
	return nil
}

// runProgram builds and runs a Go program of a page.
func (c Checker) runProgram(b Block, expected string, s *shell) []string {
	work, err := os.MkdirTemp("", "doctest-*")
	if err != nil {
		return []string{b.problem(0, "%v", err)}
	}
	defer os.RemoveAll(work)
	main, program := filepath.Join(work, "main.go"), filepath.Join(work, "program")
	if err := os.WriteFile(main, []byte(b.Text), 0o644); err != nil {
		return []string{b.problem(0, "%v", err)}
	}
	build := exec.Command("go", "build", "-o", program, main)
	build.Dir = c.Root
	if out, err := build.CombinedOutput(); err != nil {
		return []string{b.problem(0, "go build: %v\n%s", err, out)}
	}
	output, exit, err := s.run(program)
	if err != nil || exit != 0 {
		return []string{b.problem(0, "exit code %d %v\n%s", exit, err, output)}
	}
	if missing := missingLine(strings.Split(strings.TrimSpace(expected), "\n"), output); missing != "" {
		return []string{b.problem(0, "the output lacks, or has not at its place, %q\n%s", missing, output)}
	}
	return nil
}
