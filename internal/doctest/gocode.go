//go:build unix

package doctest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// source is Go text that is parsed as one file of a package.
type source struct {
	block Block
	text  string
	file  *ast.File
}

// standard are the packages that a fragment may use without importing them, beside those of stem, by name.
var standard = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "io": "io", "json": "encoding/json",
	"log": "log", "os": "os", "slog": "log/slog", "signal": "os/signal", "sql": "database/sql", "strings": "strings",
	"sync": "sync", "testing": "testing", "time": "time",
}

// packageClause tells a program from a fragment.
var packageClause = regexp.MustCompile(`\A(\s*//.*\n)*\s*package \w`)

// checkGo type-checks the Go blocks of a page: each program alone, all fragments together as one package, so that a
// fragment may use what one above or below it declares.
func (c Checker) checkGo(page Page) []string {
	var programs []*source
	var fragments []*source
	var problems []string
	fset := token.NewFileSet()
	for _, b := range page.Blocks {
		if b.Lang != "go" {
			continue
		}
		src, isProgram, err := parseBlock(fset, b)
		switch {
		case err != nil:
			problems = append(problems, err.Error())
		case isProgram:
			programs = append(programs, src)
		default:
			fragments = append(fragments, src)
		}
	}
	if len(programs)+len(fragments) == 0 {
		return problems
	}
	if err := c.addImports(fset, fragments); err != nil {
		return append(problems, fmt.Sprintf("%s: %v", page.Name, err))
	}
	imp, err := c.importer(fset, append(slices.Clone(programs), fragments...))
	if err != nil {
		return append(problems, fmt.Sprintf("%s: %v", page.Name, err))
	}
	for _, p := range programs {
		problems = append(problems, typeCheck(fset, imp, []*source{p}, false)...)
	}
	return append(problems, typeCheck(fset, imp, fragments, true)...)
}

// parseBlock parses a block as a program, else as declarations, else as statements. Positions in messages are those of
// the page.
func parseBlock(fset *token.FileSet, b Block) (src *source, isProgram bool, err error) {
	at := fmt.Sprintf("//line %s:%d\n", b.Page, b.Line)
	parse := func(text string) (*source, error) {
		f, err := parser.ParseFile(fset, b.Page, text, parser.SkipObjectResolution)
		return &source{block: b, text: text, file: f}, err
	}
	src, err = parse(at + b.Text)
	if err == nil || packageClause.MatchString(b.Text) {
		return src, true, err
	}
	src, err = parse("package page\n" + at + b.Text)
	if err == nil {
		return src, false, nil
	}
	// A fragment of a function may return an error, so it is put into one that does.
	src, err = parse("package page\nfunc _() error {\n" + at + b.Text + "\nreturn nil\n}\n")
	return src, false, err
}

// addImports gives the fragments the imports that a reader takes for granted.
func (c Checker) addImports(fset *token.FileSet, fragments []*source) error {
	known, err := c.knownPackages()
	if err != nil {
		return err
	}
	for _, f := range fragments {
		for name := range declared(f.file) {
			delete(known, name)
		}
	}
	for _, f := range fragments {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(selected(f.file))) {
			if known[name] != "" && !imported(f.file, known[name]) {
				fmt.Fprintf(&b, "import %s %q; ", name, known[name])
			}
		}
		f.text = strings.Replace(f.text, "package page\n", "package page; "+b.String()+"\n", 1)
		f.file, err = parser.ParseFile(fset, f.block.Page, f.text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
	}
	return nil
}

// knownPackages maps package names to import paths: the standard ones above and those of stem.
func (c Checker) knownPackages() (map[string]string, error) {
	known := maps.Clone(standard)
	out, err := c.golist("-f", "{{.ImportPath}} {{.Name}}", "./pkg/...")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		if p, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			known[name] = p
		}
	}
	return known, nil
}

// importer reads what the go command compiled for the imports of the sources.
func (c Checker) importer(fset *token.FileSet, sources []*source) (types.Importer, error) {
	args := []string{"-e", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "--", "errors"}
	for _, s := range sources {
		for _, spec := range s.file.Imports {
			if p, err := strconv.Unquote(spec.Path.Value); err == nil && !slices.Contains(args, p) {
				args = append(args, p)
			}
		}
	}
	out, err := c.golist(args...)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for line := range strings.Lines(out) {
		if p, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			exports[p] = file
		}
	}
	lookup := func(importPath string) (io.ReadCloser, error) {
		if exports[importPath] == "" {
			return nil, fmt.Errorf("no package %s, or it does not compile", importPath)
		}
		return os.Open(exports[importPath])
	}
	return importer.ForCompiler(fset, "gc", lookup), nil
}

func (c Checker) golist(args ...string) (string, error) {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = c.Root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w\n%s", err, stderr.String())
	}
	return string(out), nil
}

// typeCheck checks the sources as one package. Fragments may leave a variable unused: what uses it may be in the prose.
func typeCheck(fset *token.FileSet, imp types.Importer, sources []*source, fragments bool) []string {
	var problems []string
	var files []*ast.File
	for _, s := range sources {
		files = append(files, s.file)
	}
	config := types.Config{Importer: imp, Error: func(err error) {
		te, ok := err.(types.Error)
		switch {
		case !ok:
			problems = append(problems, err.Error())
		case !te.Soft || !fragments:
			p := fset.Position(te.Pos)
			problems = append(problems, fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, te.Msg))
		}
	}}
	config.Check("page", fset, files, nil) //nolint:errcheck // every error has been given to config.Error
	return problems
}

// declared is the names that a file declares at its top level.
func declared(f *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names[d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, ok := s.(*ast.ValueSpec); ok {
					for _, n := range v.Names {
						names[n.Name] = true
					}
				}
			}
		}
	}
	return names
}

// selected is the names x of all x.y in a file.
func selected(f *ast.File) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok {
				names[x.Name] = true
			}
		}
		return true
	})
	return names
}

func imported(f *ast.File, importPath string) bool {
	return slices.ContainsFunc(f.Imports, func(s *ast.ImportSpec) bool {
		p, err := strconv.Unquote(s.Path.Value)
		return err == nil && (p == importPath || s.Name == nil && path.Base(p) == path.Base(importPath))
	})
}
