package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Module is the import path of the product; what follows it is how rules name a package.
const Module = "github.com/stem-jobs/stem"

// Tree is what the rules look at. Paths are slash-separated and relative to the repository.
type Tree struct {
	Packages []Package         // by directory
	Texts    map[string]string // every text file by path, Go files included
}

// Package is one directory of Go files. All of its files are here, whatever platform they are built for.
type Package struct {
	Dir    string
	Nested bool     // belongs to a module of its own (bench/, test/thirdparty/)
	Files  []File   // by name
	Deps   []string // import paths of all it reaches without its tests; empty when nested
}

// File is one parsed Go file.
type File struct {
	Path string
	Test bool
	AST  *ast.File
	Fset *token.FileSet
}

// Load reads the repository at root: its files as they are, and from the go command what each package reaches.
func Load(root string) (Tree, error) {
	texts, err := readTexts(root)
	if err != nil {
		return Tree{}, err
	}
	tree, err := Parse(texts)
	if err != nil {
		return Tree{}, err
	}
	deps, err := listDeps(root)
	if err != nil {
		return Tree{}, err
	}
	for i := range tree.Packages {
		p := &tree.Packages[i]
		p.Deps = deps[path.Join(Module, p.Dir)]
	}
	return tree, nil
}

// Parse makes a tree of texts without asking the go command: no package has Deps.
func Parse(texts map[string]string) (Tree, error) {
	byDir := map[string]*Package{}
	for name, text := range texts {
		if !strings.HasSuffix(name, ".go") || strings.Contains("/"+name, "/testdata/") {
			continue
		}
		file, err := parseFile(name, text)
		if err != nil {
			return Tree{}, err
		}
		dir := path.Dir(name)
		if byDir[dir] == nil {
			byDir[dir] = &Package{Dir: dir, Nested: nested(dir, texts)}
		}
		byDir[dir].Files = append(byDir[dir].Files, file)
	}
	tree := Tree{Texts: texts}
	for _, p := range byDir {
		slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
		tree.Packages = append(tree.Packages, *p)
	}
	slices.SortFunc(tree.Packages, func(a, b Package) int { return strings.Compare(a.Dir, b.Dir) })
	return tree, nil
}

func parseFile(name, text string) (File, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return File{}, fmt.Errorf("parse %s: %w", name, err)
	}
	return File{Path: name, Test: strings.HasSuffix(name, "_test.go"), AST: f, Fset: fset}, nil
}

// nested reports whether a go.mod lies between dir and the root.
func nested(dir string, texts map[string]string) bool {
	for ; dir != "."; dir = path.Dir(dir) {
		if _, ok := texts[path.Join(dir, "go.mod")]; ok {
			return true
		}
	}
	return false
}

// readTexts reads every text file below root. Hidden directories are left out, except those that are part of the work.
func readTexts(root string) (map[string]string, error) {
	texts := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(filepath.ToSlash(rel))
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !bytes.ContainsRune(b, 0) {
			texts[filepath.ToSlash(rel)] = string(b)
		}
		return nil
	})
	return texts, err
}

func skipDir(rel string) error {
	hidden := strings.HasPrefix(path.Base(rel), ".") && rel != "." && rel != ".ci" && rel != ".github"
	if hidden || rel == "bin" {
		return fs.SkipDir
	}
	return nil
}

// listDeps asks the go command what each package of the main module reaches, by import path.
func listDeps(root string) (map[string][]string, error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Deps", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	deps := map[string][]string{}
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct {
			ImportPath string
			Deps       []string
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return deps, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decode the package list: %w", err)
		}
		deps[p.ImportPath] = p.Deps
	}
}

// Imports lists the import paths of f.
func (f File) Imports() []string {
	var paths []string
	for _, spec := range f.AST.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// At renders the place of pos as file:line.
func (f File) At(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", f.Path, f.Fset.Position(pos).Line)
}

// Uses lists where f refers to name of the package at importPath, called or not: "time", "Sleep".
func (f File) Uses(importPath, name string) []token.Pos {
	local := f.localName(importPath)
	if local == "" {
		return nil
	}
	var found []token.Pos
	ast.Inspect(f.AST, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != name {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
			found = append(found, sel.Pos())
		}
		return true
	})
	return found
}

// localName is what f calls the package at importPath, "" when it does not import it.
func (f File) localName(importPath string) string {
	for _, spec := range f.AST.Imports {
		if spec.Path.Value != strconv.Quote(importPath) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}
