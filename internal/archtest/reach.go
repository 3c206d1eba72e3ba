package archtest

import (
	"fmt"
	"path"
	"strings"
)

// ban keeps something out of everything a package links, however many steps away.
type ban struct {
	pkg  string
	not  []string // import paths, and with "/..." all below them
	why  string
	save []string // exceptions
}

var bans = []ban{
	{"cmd/stem", []string{"testing"}, "the binary must not carry the test framework and its flags", nil},
	{"pkg/stem", []string{Module + "/internal/cli/...", Module + "/internal/tui/...", "github.com/spf13/cobra"}, "embedding stem must not link the commands", nil},
	{"pkg/stem", []string{Module + "/" + drivers}, "a program links the driver it uses, by a blank import", []string{Module + "/" + memory}},
	{"internal/cli", []string{Module + "/" + drivers}, "no command reaches around a port to a driver", []string{Module + "/" + memory}},
	{rt, []string{Module + "/..."}, "pkg/runtime stands alone", nil},
}

// reach holds what packages link, directly or not, against the bans.
func reach(tree Tree) []string {
	var bad []string
	for _, b := range bans {
		for _, p := range tree.Packages {
			if p.Dir != b.pkg {
				continue
			}
			for _, dep := range p.Deps {
				if matchesAny(b.not, dep) && !matchesAny(b.save, dep) {
					bad = append(bad, fmt.Sprintf("%s reaches %s: %s (find the way with: go mod why -m, or go list -deps)",
						p.Dir, strings.TrimPrefix(dep, path.Clean(Module)+"/"), b.why))
				}
			}
		}
	}
	return bad
}
