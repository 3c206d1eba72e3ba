package archtest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The patterns are put together from pieces, so that this file does not break its own rule.
var (
	// machinePath matches an absolute path into somebody's home, working or temporary directory.
	machinePath = regexp.MustCompile(`(^|[^\w.~})*-])/(` + strings.Join([]string{"root", "work", "farm", "tmp", `home/\w+`, `Users/\w+`}, "|") + `)(/|\b)`)
	// unfinishedMark matches what people write when they mean to come back.
	unfinishedMark = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b|(?i:\bnot` + ` (yet )?implemented\b|\bun` + `implemented\b|\bfor` + ` now\b|\bcoming` + ` soon\b)`)
)

// machinePaths keeps the paths of one machine out of the repository: they lead nowhere for everybody else.
func machinePaths(tree Tree) []string {
	return matching(tree, machinePath, "a path of one machine; use a relative path, t.TempDir or /srv as an example")
}

// unfinished keeps marks of unfinished work out: finish it, or file an issue.
func unfinished(tree Tree) []string {
	return matching(tree, unfinishedMark, "a mark of unfinished work; finish it, or leave it out")
}

func matching(tree Tree, pattern *regexp.Regexp, msg string) []string {
	var bad []string
	for _, name := range slices.Sorted(maps.Keys(tree.Texts)) {
		if strings.HasSuffix(name, "go.sum") {
			continue
		}
		n := 0
		for line := range strings.Lines(tree.Texts[name]) {
			n++
			if found := pattern.FindString(line); found != "" {
				bad = append(bad, fmt.Sprintf("%s:%d: %q: %s", name, n, strings.TrimSpace(found), msg))
			}
		}
	}
	return bad
}
