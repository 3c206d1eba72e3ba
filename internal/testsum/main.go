package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	counts := flag.String("counts", "", "`file` to which one line \"passed failed skipped\" is appended")
	lines := flag.String("lines", "", "`file` to which the line of each package is appended")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *counts, *lines); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
}

// run summarises the events of in on out and appends the figures to the two files, where they are named.
func run(in io.Reader, out io.Writer, countsFile, linesFile string) error {
	s := newSummary(out)
	if err := s.read(in); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	figures := fmt.Sprintf("%d %d %d\n", s.passed, s.failed, s.skipped)
	if err := appendTo(countsFile, figures); err != nil {
		return err
	}
	if err := appendTo(linesFile, s.lines.String()); err != nil {
		return err
	}
	return s.verdict()
}

func appendTo(name, text string) error {
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
