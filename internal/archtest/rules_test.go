package archtest

import (
	"strings"
	"testing"
)

// TestRepository holds every rule against this repository.
func TestRepository(t *testing.T) {
	tree, err := Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) < 3 {
		t.Fatalf("only %d packages found: the rules would pass on nothing", len(tree.Packages))
	}
	for _, r := range Rules {
		t.Run(r.Name, func(t *testing.T) {
			for _, violation := range r.Check(tree) {
				t.Error(violation)
			}
		})
	}
	t.Logf("sizes, tests left out:\n%s", SizeReport(tree))
}

// broken has, for each rule, small trees that break it, each with a part of what the rule must say. A key ending in
// " links" gives a package's Deps instead of a file.
var broken = []struct {
	rule  string
	files map[string]string
	says  string
}{
	{"imports follow the table", imports("pkg/runtime/x.go", "runtime", Module+"/pkg/wf"), "pkg/runtime may import nothing of stem"},
	{"imports follow the table", imports("pkg/runtime/driver/redis/x.go", "redis", Module+"/pkg/runtime/driver/sqlite"), "imports pkg/runtime/driver/sqlite"},
	{"imports follow the table", imports("internal/cli/dlq.go", "cli", Module+"/pkg/runtime/driver/memory"), "imports pkg/runtime/driver/memory"},
	{"imports follow the table", imports("internal/cli/workercmd/x.go", "workercmd", Module+"/pkg/runtime/driver/all"), "imports pkg/runtime/driver/all"},
	{"imports follow the table", imports("pkg/runtime/worker/x_test.go", "worker", Module+"/internal/cli"), "imports internal/cli"},
	{"imports follow the table", imports("test/thirdparty/x_test.go", "thirdparty", Module+"/pkg/runtime/driver/sqlite"), "imports pkg/runtime/driver/sqlite"},
	{"imports follow the table", imports("test/thirdparty/x_test.go", "thirdparty", Module+"/pkg/stem"), "imports pkg/stem"},
	{"imports follow the table", imports("pkg/newcomer/x.go", "newcomer"), "add one to internal/archtest/imports.go"},
	{"third-party libraries stay behind their fences", imports("pkg/wf/x.go", "wf", "github.com/spf13/cobra"), "allowed only in internal/cli"},
	{"third-party libraries stay behind their fences", imports("internal/cli/x.go", "cli", "gopkg.in/yaml.v3"), "allowed only in pkg/runtime/config"},
	{"third-party libraries stay behind their fences", imports("pkg/wf/x.go", "wf", "go.uber.org/goleak"), "allowed only in nothing"},
	{"third-party libraries stay behind their fences", imports("pkg/runtime/x.go", "runtime", "github.com/google/uuid"), "standard library only"},
	{"third-party libraries stay behind their fences", imports("pkg/wf/x.go", "wf", "example.org/leftpad"), "give it a fence"},
	{"direct dependencies are explained", map[string]string{"go.mod": "require (\n\texample.org/leftpad v1.0.0\n)\n"}, "example.org/leftpad"},
	{"direct dependencies are explained", map[string]string{"go.mod": "require example.org/leftpad v1.0.0\n", "docs/dependencies.md": "leftpad"}, "say in docs/dependencies.md"},
	{"nothing reaches what it must not link", links("cmd/stem", "testing"), "cmd/stem reaches testing"},
	{"nothing reaches what it must not link", links("pkg/stem", "github.com/spf13/cobra"), "must not link the commands"},
	{"nothing reaches what it must not link", links("pkg/stem", Module+"/pkg/runtime/driver/sqlite"), "blank import"},
	{"nothing reaches what it must not link", links("internal/cli", Module+"/pkg/runtime/driver/redis"), "around a port"},
	{"nothing reaches what it must not link", links("pkg/runtime", Module+"/pkg/runtime/sign"), "stands alone"},
	{"tests do not sleep", source("pkg/wf/x_test.go", "package wf\nimport \"time\"\nfunc f() { time.Sleep(1) }"), "x_test.go:3: a test sleeps"},
	{"tests do not sleep", source("pkg/wf/x_test.go", "package wf\nimport clock \"time\"\nvar nap = clock.Sleep"), "a test sleeps"},
	{"tests do not sleep", source("pkg/runtime/drivertest/x.go", "package drivertest\nimport (\"testing\"; \"time\")\nfunc f(t *testing.T) { time.Sleep(1) }"), "a test sleeps"},
	{"only main and cli.Main exit", source("internal/cli/x.go", "package cli\nimport \"os\"\nfunc f() { os.Exit(1) }"), "os.Exit below main"},
	{"only main and cli.Main exit", source("pkg/wf/x.go", "package wf\nimport \"log\"\nfunc f() { log.Fatalf(\"\") }"), "log.Fatalf below main"},
	{"every package has a doc comment", source("pkg/wf/x.go", "package wf"), "pkg/wf: no package comment"},
	{"port methods document their errors", source("pkg/runtime/x.go", "package runtime\ntype P interface {\n// Get gets.\nGet() error }"), "P.Get returns an error"},
	{"ports stay small", source("pkg/runtime/x.go", "package runtime\ntype P interface { A(); B(); C(); D(); E(); F(); G(); H() }"), "P has 8 methods"},
	{"files stay readable", source("pkg/wf/x.go", "package wf\n"+strings.Repeat("\n", maxLines)), "split it"},
	{"no path of a machine", source("docs/x.md", "cd /wo"+"rk/stem"), "docs/x.md:1"},
	{"no path of a machine", source("x.go", "package x\nvar s = \"sqlite:///ro"+"ot/stem.db\""), "x.go:2"},
	{"no path of a machine", source("x.yaml", "store: /ho"+"me/jo/stem.db"), "x.yaml:1"},
	{"no mark of unfinished work", source("x.go", "package x // TO"+"DO: write it"), "x.go:1"},
	{"no mark of unfinished work", source("x.sh", "# Not"+" yet implemented"), "x.sh:1"},
}

// sound are trees that come close to breaking a rule and must not.
var sound = []struct {
	rule  string
	files map[string]string
}{
	{"imports follow the table", imports("pkg/runtime/driver/sqlite/internal/wal/x.go", "wal", Module+"/pkg/runtime/driver/sqlite/internal/page")},
	{"imports follow the table", imports("internal/cli/workercmd/x.go", "workercmd", Module+"/internal/cli", Module+"/pkg/stem")},
	{"imports follow the table", imports("pkg/runtime/worker/x_test.go", "worker", Module+"/pkg/runtime/driver/memory")},
	{"third-party libraries stay behind their fences", imports("pkg/wf/x_test.go", "wf", "go.uber.org/goleak")},
	{"third-party libraries stay behind their fences", imports("bench/x.go", "main", "github.com/riverqueue/river")},
	{"direct dependencies are explained", map[string]string{"go.mod": "require (\n\texample.org/a v1 // indirect\n)\n"}},
	{"nothing reaches what it must not link", links("pkg/stem", Module+"/pkg/runtime/driver/memory")},
	{"tests do not sleep", source("pkg/wf/x.go", "package wf\nimport \"time\"\nfunc f() { time.Sleep(1) }")},
	{"only main and cli.Main exit", source("pkg/stem/cli/x.go", "package cli\nimport \"os\"\nfunc f() { os.Exit(1) }")},
	{"every package has a doc comment", source("pkg/wf/x_test.go", "package wf")},
	{"port methods document their errors", source("pkg/runtime/x.go", "package runtime\ntype P interface {\n// Get gets.\n//\n//   - Errors: none\nGet() error\nName() string }")},
	{"port methods document their errors", source("pkg/runtime/x.go", "package runtime\n// P is a port.\n//\n//   - Errors: none\ntype P interface {\nGet() error }")},
	{"ports stay small", source("pkg/wf/x.go", "package wf\ntype P interface { A(); B(); C(); D(); E(); F(); G(); H() }")},
	{"no path of a machine", source("x.md", "internal/work/ ./root/x $HOME/tmp/ /worker /srv/stem.db https://example.org/home")},
	{"no mark of unfinished work", source("x.md", "for nowhere, todos, SQL placeholders, XXXL")},
}

func TestRulesCanFail(t *testing.T) {
	failing := map[string]bool{}
	for _, b := range broken {
		t.Run(b.rule, func(t *testing.T) {
			got := strings.Join(check(t, b.rule, b.files), "\n")
			if got == "" || !strings.Contains(got, b.says) {
				t.Errorf("says %q, want something with %q", got, b.says)
			}
			failing[b.rule] = true
		})
	}
	for _, r := range Rules {
		if !failing[r.Name] {
			t.Errorf("rule %q has no tree that breaks it; add one to broken", r.Name)
		}
	}
}

func TestRulesCanPass(t *testing.T) {
	for _, s := range sound {
		t.Run(s.rule, func(t *testing.T) {
			for _, violation := range check(t, s.rule, s.files) {
				t.Error(violation)
			}
		})
	}
}

func TestParseSeparatesNestedModules(t *testing.T) {
	tree, err := Parse(map[string]string{
		"bench/go.mod": "", "bench/deep/x.go": "package deep", "pkg/wf/x.go": "package wf", "pkg/wf/testdata/x.go": "no Go at all",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) != 2 || !tree.Packages[0].Nested || tree.Packages[1].Nested {
		t.Errorf("packages %+v, want bench/deep nested and pkg/wf not", tree.Packages)
	}
}

func check(t *testing.T, name string, files map[string]string) []string {
	t.Helper()
	tree, err := Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	for dir, deps := range files {
		if dir, ok := strings.CutSuffix(dir, " links"); ok {
			tree.Packages = append(tree.Packages, Package{Dir: dir, Deps: strings.Fields(deps)})
		}
	}
	for _, r := range Rules {
		if r.Name == name {
			return r.Check(tree)
		}
	}
	t.Fatalf("no rule %q", name)
	return nil
}

func source(name, text string) map[string]string { return map[string]string{name: text} }

func links(dir string, deps ...string) map[string]string {
	return map[string]string{dir + " links": strings.Join(deps, " ")}
}

func imports(name, pkg string, paths ...string) map[string]string {
	text := "package " + pkg + "\n"
	for _, p := range paths {
		text += "import _ \"" + p + "\"\n"
	}
	return source(name, text)
}
