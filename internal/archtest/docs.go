package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// maxMethods is how many methods a port may have: a fake for a test is written in a minute, a driver in files one can read.
const maxMethods = 7

// packageDocs asks for a doc comment on every package that is more than tests.
func packageDocs(tree Tree) []string {
	var bad []string
	for _, p := range tree.Packages {
		hasDoc := func(f File) bool { return f.AST.Doc.Text() != "" }
		onlyTests := !slices.ContainsFunc(p.Files, func(f File) bool { return !f.Test })
		if !onlyTests && !slices.ContainsFunc(p.Files, hasDoc) {
			bad = append(bad, p.Dir+": no package comment; write doc.go: what it is, what it is not, what it may import, where to start")
		}
	}
	return bad
}

// portErrors asks that each method of a port that returns an error says which, under the label "Errors:"; what holds for
// all of its methods may stand at the port.
func portErrors(tree Tree) []string {
	var bad []string
	for _, p := range ports(tree) {
		if strings.Contains(p.doc, "Errors:") {
			continue
		}
		for _, m := range p.methods() {
			fn, ok := m.Type.(*ast.FuncType)
			if ok && returnsError(fn) && !strings.Contains(m.Doc.Text(), "Errors:") {
				bad = append(bad, fmt.Sprintf("%s: %s.%s returns an error; document it under \"- Errors:\"", p.file.At(m.Pos()), p.name, m.Names[0].Name))
			}
		}
	}
	return bad
}

// portSize bounds the methods of each port.
func portSize(tree Tree) []string {
	var bad []string
	for _, p := range ports(tree) {
		if n := len(p.methods()); n > maxMethods {
			bad = append(bad, fmt.Sprintf("%s: %s has %d methods, more than %d; cut it along what must be atomic", p.file.At(p.decl.Pos()), p.name, n, maxMethods))
		}
	}
	return bad
}

// port is an exported interface of pkg/runtime.
type port struct {
	file File
	name string
	doc  string
	decl *ast.InterfaceType
}

func (p port) methods() []*ast.Field { return p.decl.Methods.List }

func ports(tree Tree) []port {
	var found []port
	for _, p := range tree.Packages {
		if p.Dir != rt {
			continue
		}
		for _, f := range p.Files {
			for _, d := range f.AST.Decls {
				if gen, ok := d.(*ast.GenDecl); ok && !f.Test {
					found = append(found, portsOf(f, gen)...)
				}
			}
		}
	}
	return found
}

func portsOf(f File, gen *ast.GenDecl) []port {
	var found []port
	for _, s := range gen.Specs {
		spec, ok := s.(*ast.TypeSpec)
		if !ok || !spec.Name.IsExported() {
			continue
		}
		if decl, ok := spec.Type.(*ast.InterfaceType); ok {
			found = append(found, port{f, spec.Name.Name, gen.Doc.Text() + spec.Doc.Text(), decl})
		}
	}
	return found
}

func returnsError(fn *ast.FuncType) bool {
	if fn.Results == nil {
		return false
	}
	return slices.ContainsFunc(fn.Results.List, func(r *ast.Field) bool {
		id, ok := r.Type.(*ast.Ident)
		return ok && id.Name == "error"
	})
}
