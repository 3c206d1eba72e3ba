package archtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fenced says where each third-party library may be imported; nil is nowhere but in tests. A library is named by the
// start of its import paths. A new one gets an entry here and a row in docs/dependencies.md.
var fenced = map[string][]string{
	"github.com/spf13/cobra":        {"internal/cli/..."},
	"github.com/spf13/pflag":        {"internal/cli/..."},
	"github.com/olekukonko":         {"internal/cli/..."},
	"github.com/mattn/go-runewidth": {"internal/cli/..."},
	"github.com/itchyny/gojq":       {"internal/cli/..."},
	"golang.org/x/term":             {"internal/cli/...", "internal/tui/..."},
	"github.com/charmbracelet":      {"internal/tui/..."},
	"charm.land":                    {"internal/tui/..."},
	"gopkg.in/yaml.v3":              {"pkg/runtime/config/..."},
	"modernc.org":                   {"pkg/runtime/driver/sqlite/...", "test/chaos/...", "examples/..."}, // those with a transaction of their own
	"github.com/fsnotify/fsnotify":  {"pkg/runtime/driver/sqlite/..."},
	"github.com/redis/go-redis":     {"pkg/runtime/driver/redis/..."},
	"github.com/jackc/pgx":          {"pkg/runtime/driver/postgres/..."},
	"golang.org/x/sys":              {"pkg/runtime/driver/sqlite/...", "pkg/runtime/handler/...", "internal/..."},
	"github.com/google/uuid":        {"pkg/runtime/...", "pkg/control"},
	"go.uber.org/goleak":            nil,
	"github.com/google/go-cmp":      nil,
}

// fences holds the imports from outside against the fences, and pkg/runtime to the standard library. bench/ is outside:
// it imports what stem is measured against.
func fences(tree Tree) []string {
	var bad []string
	for _, p := range tree.Packages {
		if matches("bench/...", p.Dir) {
			continue
		}
		for _, f := range p.Files {
			for _, imported := range f.Imports() {
				if msg := fence(p, f, imported); msg != "" {
					bad = append(bad, f.Path+" imports "+imported+": "+msg)
				}
			}
		}
	}
	return bad
}

// fence says what is wrong with one import; "" when nothing is.
func fence(p Package, f File, imported string) string {
	if !thirdParty(imported) {
		return ""
	}
	library, ok := libraryOf(imported)
	switch {
	case !ok:
		return "an unknown library; give it a fence in internal/archtest/fences.go and a row in docs/dependencies.md"
	case f.Test && p.Dir != rt && len(fenced[library]) == 0:
		return ""
	case p.Dir == rt && !f.Test:
		return "pkg/runtime imports the standard library only"
	case !matchesAny(fenced[library], p.Dir):
		return fmt.Sprintf("allowed only in %s", list(fenced[library]))
	}
	return ""
}

// thirdParty reports whether an import path is neither stem's nor the standard library's, whose first element has no dot.
func thirdParty(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return strings.Contains(first, ".") && imported != Module && !strings.HasPrefix(imported, Module+"/")
}

func libraryOf(imported string) (string, bool) {
	for _, library := range slices.Sorted(maps.Keys(fenced)) {
		if imported == library || strings.HasPrefix(imported, library+"/") {
			return library, true
		}
	}
	return "", false
}

// explained asks that docs/dependencies.md names every module go.mod requires directly.
func explained(tree Tree) []string {
	var bad []string
	page := tree.Texts["docs/dependencies.md"]
	for _, module := range directRequires(tree.Texts["go.mod"]) {
		if !strings.Contains(page, "`"+module+"`") {
			bad = append(bad, fmt.Sprintf("go.mod requires %s: say in docs/dependencies.md what it is for", module))
		}
	}
	return bad
}

// directRequires lists the modules that a go.mod requires without the comment "// indirect".
func directRequires(mod string) []string {
	var modules []string
	inBlock := false
	for line := range strings.Lines(mod) {
		line = strings.TrimSpace(line)
		single, isSingle := strings.CutPrefix(line, "require ")
		switch {
		case line == "require (":
			inBlock = true
		case line == ")":
			inBlock = false
		case strings.HasSuffix(line, "// indirect"):
		case inBlock && line != "":
			modules = append(modules, strings.Fields(line)[0])
		case isSingle:
			modules = append(modules, strings.Fields(single)[0])
		}
	}
	return modules
}
