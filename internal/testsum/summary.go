package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// event is one line of `go test -json`; see `go doc cmd/test2json`.
type event struct {
	Action     string
	ImportPath string
	Package    string
	Test       string
	Output     string
}

// test names a test or subtest within its package.
type test struct{ pkg, name string }

// summary counts the tests of a run and prints what a reader needs of it.
type summary struct {
	out                     io.Writer
	lines                   strings.Builder // the go test line of each package: "ok …", "FAIL …"
	passed, failed, skipped int

	running map[test]*strings.Builder   // output of tests that have not ended
	blamed  map[string]bool             // packages in which a test has failed
	outputs map[string]*strings.Builder // output of a package outside its tests
}

func newSummary(out io.Writer) *summary {
	return &summary{
		out:     out,
		running: map[test]*strings.Builder{},
		blamed:  map[string]bool{},
		outputs: map[string]*strings.Builder{},
	}
}

// read takes events until in ends. A line that is no event (the go command's own words) is printed as it is.
func (s *summary) read(in io.Reader) error {
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			s.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) line(line string) {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" {
		fmt.Fprint(s.out, line)
		return
	}
	switch {
	case e.Action == "build-output":
		fmt.Fprint(s.out, e.Output)
	case e.Test != "":
		s.test(e)
	case e.Package != "":
		s.pkg(e)
	}
}

// test follows one test from its start to its end.
func (s *summary) test(e event) {
	id := test{e.Package, e.Test}
	switch e.Action {
	case "run":
		s.running[id] = &strings.Builder{}
	case "output":
		if b := s.running[id]; b != nil {
			b.WriteString(e.Output)
		}
	case "pass":
		s.passed++
		delete(s.running, id)
	case "skip":
		s.skipped++
		fmt.Fprintf(s.out, "skip %s %s: %s\n", shortPackage(e.Package), e.Test, reason(s.running[id]))
		delete(s.running, id)
	case "fail":
		s.fail(id)
	}
}

func (s *summary) fail(id test) {
	s.failed++
	s.blamed[id.pkg] = true
	if b := s.running[id]; b != nil {
		fmt.Fprint(s.out, b.String())
	}
	delete(s.running, id)
}

// pkg follows a package. A package that fails without a failed test (it does not build, TestMain found a leak, it ran
// out of time) counts as one failure, so that the closing figures never read as a success.
func (s *summary) pkg(e event) {
	if e.Action == "output" {
		s.packageOutput(e)
		return
	}
	if e.Action != "fail" {
		delete(s.outputs, e.Package)
		return
	}
	for id := range s.running {
		if id.pkg == e.Package {
			s.fail(id)
		}
	}
	if b := s.outputs[e.Package]; b != nil {
		fmt.Fprint(s.out, b.String())
	}
	if !s.blamed[e.Package] {
		s.failed++
	}
}

func (s *summary) packageOutput(e event) {
	if isPackageLine(e.Output) {
		if !strings.HasPrefix(e.Output, "?") {
			fmt.Fprint(s.out, e.Output)
			s.lines.WriteString(e.Output)
		}
		return
	}
	b := s.outputs[e.Package]
	if b == nil {
		b = &strings.Builder{}
		s.outputs[e.Package] = b
	}
	b.WriteString(e.Output)
}

// verdict is nil only when tests ran and none failed.
func (s *summary) verdict() error {
	if s.failed > 0 {
		return fmt.Errorf("%d failed", s.failed)
	}
	if s.passed == 0 {
		return errors.New("no test ran")
	}
	return nil
}

// isPackageLine tells the closing line of a package from what its tests print.
func isPackageLine(line string) bool {
	for _, start := range []string{"ok  \t", "FAIL\t", "?   \t"} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}

// reason is what t.Skip said: the last indented line of a skipped test's output.
func reason(output *strings.Builder) string {
	if output == nil {
		return "no reason given"
	}
	said := "no reason given"
	for line := range strings.Lines(output.String()) {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "===") || strings.HasPrefix(text, "---") {
			continue
		}
		said = text
	}
	return said
}

// shortPackage drops the host and owner of a package path.
func shortPackage(path string) string {
	parts := strings.SplitN(path, "/", 4)
	return parts[len(parts)-1]
}
