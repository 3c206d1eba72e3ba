package archtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

const (
	maxLines  = 900 // no file may be longer
	lookTwice = 400 // reported, so that somebody asks whether it is two
)

// fileSize bounds the length of a Go file.
func fileSize(tree Tree) []string {
	var bad []string
	for _, f := range measure(tree, func(File) bool { return true }).files {
		if f.lines > maxLines {
			bad = append(bad, fmt.Sprintf("%s has %d lines, more than %d; split it where a reader would look for the half they need", f.path, f.lines, maxLines))
		}
	}
	return bad
}

type sized struct {
	path  string
	lines int
}

type sizes struct {
	files []sized // longest first
	funcs []sized // longest first
}

// measure takes the lengths of the files that keep accepts, and of the functions in them.
func measure(tree Tree, keep func(File) bool) sizes {
	var s sizes
	for _, p := range tree.Packages {
		for _, f := range p.Files {
			if !keep(f) {
				continue
			}
			s.files = append(s.files, sized{f.Path, f.Fset.File(f.AST.Pos()).LineCount()})
			for _, d := range f.AST.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok {
					lines := f.Fset.Position(fn.End()).Line - f.Fset.Position(fn.Pos()).Line + 1
					s.funcs = append(s.funcs, sized{f.At(fn.Pos()) + " " + fn.Name.Name, lines})
				}
			}
		}
	}
	longestFirst := func(a, b sized) int { return cmp.Or(b.lines-a.lines, strings.Compare(a.path, b.path)) }
	slices.SortFunc(s.files, longestFirst)
	slices.SortFunc(s.funcs, longestFirst)
	return s
}

// SizeReport describes the lengths of the files and functions that are not tests, for the eye of a reviewer.
func SizeReport(tree Tree) string {
	s := measure(tree, func(f File) bool { return !f.Test })
	var b strings.Builder
	fmt.Fprintf(&b, "files: %s\n", spread(s.files))
	fmt.Fprintf(&b, "functions: %s\n", spread(s.funcs))
	for _, f := range s.files {
		if f.lines > lookTwice {
			fmt.Fprintf(&b, "look twice: %s has %d lines\n", f.path, f.lines)
		}
	}
	for _, f := range s.funcs[:min(5, len(s.funcs))] {
		fmt.Fprintf(&b, "longest function: %s, %d lines\n", f.path, f.lines)
	}
	return b.String()
}

// spread renders the distribution of xs, which is sorted, longest first.
func spread(xs []sized) string {
	if len(xs) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d, median %d lines, p90 %d, longest %d", len(xs), xs[len(xs)/2].lines, xs[len(xs)/10].lines, xs[0].lines)
}
