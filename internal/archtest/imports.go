package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// row says what one package may import of stem. "x/..." stands for x and all below it; packages that share such a row may
// import each other.
type row struct {
	pkg string
	may []string
}

const (
	rt      = "pkg/runtime"
	drivers = "pkg/runtime/driver/..."
	memory  = "pkg/runtime/driver/memory"
	flush   = "internal/flush" // grouping of concurrent calls, a leaf that client and worker share
)

// engines is everything a Go program may want of stem, short of the other drivers and the commands.
var engines = []string{
	rt, "pkg/runtime/config", "pkg/runtime/routing", "pkg/runtime/codec", "pkg/runtime/sign", "pkg/runtime/client",
	"pkg/runtime/canvas", "pkg/runtime/handler", "pkg/runtime/worker", "pkg/runtime/host",
	"pkg/wf", "pkg/beat", "pkg/dlq", "pkg/control", "pkg/observe", memory,
}

// table is the import table of stem. Arrows run from the commands down to pkg/runtime, never back, and no command reaches
// around a port to a driver. A new package gets a row here.
var table = []row{
	{rt, nil},
	{"pkg/runtime/config/...", []string{rt}},
	{"pkg/runtime/routing/...", []string{rt}},
	{"pkg/runtime/codec/...", []string{rt}},
	{"pkg/runtime/sign/...", []string{rt}},
	{"pkg/runtime/drivertest/...", []string{rt}},
	{"pkg/runtime/driver/memory/...", []string{rt}},
	{"pkg/runtime/driver/sqlite/...", []string{rt}},
	{"pkg/runtime/driver/redis/...", []string{rt}},
	{"pkg/runtime/driver/postgres/...", []string{rt}},
	{"pkg/runtime/driver/all", []string{rt, drivers}},
	{"pkg/runtime/client/...", []string{rt, "pkg/runtime/routing", "pkg/runtime/codec", "pkg/runtime/sign", flush}},
	{"pkg/runtime/canvas/...", []string{rt, "pkg/runtime/client"}},
	{"pkg/runtime/handler/...", []string{rt, "pkg/runtime/client"}},
	{"pkg/runtime/worker/...", []string{rt, "pkg/runtime/client", "pkg/runtime/codec", "pkg/runtime/sign", flush}},
	{"pkg/runtime/host/...", []string{rt, "pkg/runtime/sign"}},
	{"pkg/runtime/runtimetest/...", []string{rt, "pkg/runtime/client", "pkg/runtime/worker", memory}},
	{"pkg/wf/...", []string{rt, "pkg/runtime/client", "pkg/runtime/codec", "pkg/runtime/sign"}},
	{"pkg/beat/...", []string{rt, "pkg/runtime/client"}},
	{"pkg/dlq/...", []string{rt, "pkg/runtime/client"}},
	{"pkg/control/...", []string{rt, "pkg/runtime/client", "pkg/runtime/sign"}},
	{"pkg/observe/...", []string{rt, "pkg/runtime/client"}},
	{"pkg/stem", engines},
	{"pkg/stem/cli", []string{"pkg/stem", "internal/cli", "pkg/runtime/driver/all"}},
	{"internal/tui/...", []string{rt, "pkg/control", "pkg/dlq", "pkg/wf", "pkg/beat", "pkg/observe"}},
	{"internal/cli/...", append([]string{"pkg/stem", "internal/tui"}, without(engines, memory)...)},
	{flush, nil},
	{"internal/archtest", nil},
	{"internal/doctest", nil},
	{"internal/testsum", nil},
	{"cmd/stem", []string{"pkg/stem/cli"}},
	// What users write is written as a user would: over pkg/ alone.
	{"examples/...", []string{"pkg/..."}},
	{"bench/...", []string{"pkg/..."}},
	// A third party's driver, written over the public ports; memory is the store that it stands before.
	{"test/thirdparty/...", []string{rt, "pkg/runtime/drivertest", memory}},
	{"test/chaos/...", []string{"pkg/...", "cmd/stem"}},
}

// forTests is what the tests beside a package may import beyond its row: a store to run on, the tools for testing, and the
// handlers that a worker is shown to run.
var forTests = []string{drivers, "pkg/runtime/drivertest", "pkg/runtime/runtimetest", "pkg/runtime/handler"}

// importTable holds the imports within stem against the table.
func importTable(tree Tree) []string {
	var bad []string
	for _, p := range tree.Packages {
		r, ok := rowOf(p.Dir)
		if !ok {
			bad = append(bad, fmt.Sprintf("%s: no row in the import table; add one to internal/archtest/imports.go", p.Dir))
			continue
		}
		for _, f := range p.Files {
			bad = append(bad, againstRow(p, f, r)...)
		}
	}
	return bad
}

func againstRow(p Package, f File, r row) []string {
	var bad []string
	for _, imported := range f.Imports() {
		target, ok := strings.CutPrefix(imported, Module+"/")
		if !ok || target == p.Dir || sharesRow(r, target) || matchesAny(r.may, target) {
			continue
		}
		if f.Test && !matches("test/...", p.Dir) && matchesAny(forTests, target) {
			continue
		}
		bad = append(bad, fmt.Sprintf("%s imports %s, but %s may import %s (internal/archtest/imports.go)",
			f.Path, target, r.pkg, list(r.may)))
	}
	return bad
}

// rowOf finds the most specific row for dir.
func rowOf(dir string) (row, bool) {
	var best row
	for _, r := range table {
		if matches(r.pkg, dir) && len(r.pkg) > len(best.pkg) {
			best = r
		}
	}
	return best, best.pkg != ""
}

// sharesRow reports whether target has r as its row, too.
func sharesRow(r row, target string) bool {
	other, ok := rowOf(target)
	return ok && other.pkg == r.pkg
}

func matchesAny(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, dir) })
}

// matches reports whether pattern names dir: exactly, or as "x/..." for x and all below it.
func matches(pattern, dir string) bool {
	base, below := strings.CutSuffix(pattern, "/...")
	return dir == base || below && strings.HasPrefix(dir, base+"/")
}

func without(from []string, drop string) []string {
	return slices.DeleteFunc(slices.Clone(from), func(s string) bool { return s == drop })
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing of stem"
	}
	return strings.Join(names, ", ")
}
