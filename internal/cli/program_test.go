package cli

import (
	"runtime/debug"
	"slices"
	"testing"
)

func TestProgramName(t *testing.T) {
	ours := &debug.BuildInfo{Path: "example.org/m/cmd/jobs", Main: debug.Module{Path: "example.org/m"}}
	file := &debug.BuildInfo{Path: "command-line-arguments"}
	for _, c := range []struct {
		arg0   string
		info   *debug.BuildInfo
		atRoot bool
		want   string
	}{
		{"stem", ours, true, "stem"},
		{"./bin/stem", ours, true, "./bin/stem"},
		{"/opt/my tools/stem", ours, true, "'/opt/my tools/stem'"},
		{"/var/t/go-build123/b001/exe/jobs", ours, true, "go run ./cmd/jobs"},
		{"/var/t/go-build123/b001/exe/jobs", ours, false, "go run example.org/m/cmd/jobs"},
		{"/var/t/go-build123/b001/exe/main", file, true, "/var/t/go-build123/b001/exe/main"},
		{"/var/t/go-build123/b001/cli.test", ours, true, "/var/t/go-build123/b001/cli.test"},
		{"/var/t/go-build123/b001/exe/jobs", nil, true, "/var/t/go-build123/b001/exe/jobs"},
	} {
		if got := programName(c.arg0, c.info, c.atRoot); got != c.want {
			t.Errorf("%s (at the root: %v): got %q, want %q", c.arg0, c.atRoot, got, c.want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for _, word := range []string{"plain", "a b", "", "it", "$HOME", "a;b", "x=1", "*"} {
		if got := shellWords("stem " + shellQuote(word)); !slices.Equal(got, []string{"stem", word}) {
			t.Errorf("%q comes out as %q", word, got)
		}
	}
	if got := shellQuote("it's"); got != `'it'\''s'` {
		t.Errorf("got %s", got)
	}
}
