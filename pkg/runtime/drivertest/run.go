package drivertest

import (
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Run holds a driver against the suite.
func Run(t *testing.T, h Harness) {
	for _, s := range sections {
		t.Run(s.name, func(t *testing.T) { s.run(t, h) })
	}
}

// section is the cases of one port.
type section struct {
	name  string
	cases []testCase
	lacks func(*runtime.Backend) string // the port that is nil and needed, or ""
}

// testCase is one promise. Its name begins with its number, which stays when
// other cases go.
type testCase struct {
	name string
	run  func(e *env)
}

var sections = []section{
	{"Publish", publishCases, lacksBroker},
}

func (s section) run(t *testing.T, h Harness) {
	t.Parallel()
	if missing := s.lacks(h.New(t, NewClock().Now).Open(t)); missing != "" {
		t.Skipf("%s has no %s port", h.Name, missing)
	}
	for _, c := range s.cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, h)
			c.run(e)
			e.checkBooks()
		})
	}
}
