package drivertest

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A case keeps its number for ever: people cite them. A number that is missing
// belonged to a case that was taken out; none has been.
func TestCasesAreNumbered(t *testing.T) {
	all := map[string][]testCase{"Concurrency": concurrencyCases}
	for _, s := range sections {
		all[s.name] = s.cases
	}
	for name, cases := range all {
		for i, c := range cases {
			if want := fmt.Sprintf("%02d_", i+1); !strings.HasPrefix(c.name, want) || len(c.name) == len(want) {
				t.Errorf("%s: case %d is named %s; want %sAndWhatItShows", name, i+1, c.name, want)
			}
		}
	}
}

func TestDifferingNamesTheLines(t *testing.T) {
	got := differing("a", "same\nonly a", "b", "same\nonly b")
	if !strings.Contains(got, "a        only a") || !strings.Contains(got, "b        only b") || strings.Contains(got, "same") {
		t.Errorf("differing: %q", got)
	}
	if got := differing("a", "1\n2", "b", "2\n1"); !strings.Contains(got, "another order") {
		t.Errorf("another order: %q", got)
	}
}
