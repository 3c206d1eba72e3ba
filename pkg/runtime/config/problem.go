package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// maxProblems is how many mistakes one report names; more would hide the first.
const maxProblems = 10

// Problem is one mistake in the configuration.
type Problem struct {
	Origin  Origin
	Message string
	Hint    string
}

// Error returns the problem as one line: place, then what is wrong.
func (p Problem) Error() string { return p.Origin.String() + ": " + p.Message }

// Problems is the error of a configuration that cannot be used. It holds the
// first mistakes, in the order of their places.
//
//   - Errors: errors.Is(err, runtime.ErrInvalid) holds.
type Problems struct {
	List []Problem
	More int // found, but not listed
}

// Error returns one line for each problem, its hint after a semicolon.
func (p *Problems) Error() string {
	lines := make([]string, 0, len(p.List)+1)
	for _, x := range p.List {
		line := x.Error()
		if x.Hint != "" {
			line += " (" + x.Hint + ")"
		}
		lines = append(lines, line)
	}
	if p.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", p.More))
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the coded form of each problem.
func (p *Problems) Unwrap() []error {
	errs := make([]error, len(p.List))
	for i, x := range p.List {
		errs[i] = &runtime.Error{Code: runtime.CodeInvalid, Op: "config", Message: x.Error(), Hint: x.Hint}
	}
	return errs
}

// collector gathers problems while a file is walked.
type collector struct{ found []Problem }

func (c *collector) add(at Origin, hint, format string, args ...any) {
	c.found = append(c.found, Problem{Origin: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// addError reports err at a place and keeps its hint.
func (c *collector) addError(at Origin, prefix string, err error) {
	c.add(at, runtime.HintOf(err), "%s", prefix+err.Error())
}

// err returns what was found as one error, or nil.
func (c *collector) err() error {
	if len(c.found) == 0 {
		return nil
	}
	slices.SortStableFunc(c.found, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Origin.File, b.Origin.File), a.Origin.Line-b.Origin.Line)
	})
	c.found = slices.CompactFunc(c.found, func(a, b Problem) bool { return a == b })
	n := min(len(c.found), maxProblems)
	return &Problems{List: c.found[:n], More: len(c.found) - n}
}
