package main

import (
	"slices"
	"strings"
	"testing"
)

func TestColumnsAreInterleavedAndRotated(t *testing.T) {
	t.Parallel()
	p := plan{
		columns:   []column{{name: "a"}, {name: "b"}, {name: "c"}},
		scenarios: []scenario{{name: "one", both: true}, {name: "two"}},
		syncs:     []string{syncNormal, syncFull},
		reps:      2,
	}
	var got []string
	for _, j := range p.jobs() {
		got = append(got, j.Scenario+j.Sync[:1]+j.System)
	}
	want := strings.Fields("oneNa oneNb oneNc twoNa twoNb twoNc oneFa oneFb oneFc oneNb oneNc oneNa twoNb twoNc twoNa oneFb oneFc oneFa")
	if !slices.Equal(got, want) {
		t.Errorf("order of runs:\n got %v\nwant %v", got, want)
	}
}

func TestSystemsAreLeftOutWithAReason(t *testing.T) {
	t.Parallel()
	s, err := scenarioNamed("latx")
	if err != nil {
		t.Fatal(err)
	}
	if why := s.skips(column{oneProcess: true}); why == "" {
		t.Error("a system of one process cannot be measured across processes")
	}
	if why := s.skips(column{skip: func(string) string { return "because" }}); why != "because" {
		t.Errorf("reason = %q, want the column's own", why)
	}
	if why := s.skips(column{}); why != "" {
		t.Errorf("left out for %q, want it to run", why)
	}
}

func TestNamesAreUniqueAndFound(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range columns() {
		if found, err := columnNamed(c.name); err != nil || found.about != c.about || seen[c.name] {
			t.Errorf("system %s: found %q, error %v, seen before %v", c.name, found.about, err, seen[c.name])
		}
		seen[c.name] = true
	}
	for _, s := range scenarios() {
		if found, err := scenarioNamed(s.name); err != nil || found.about != s.about || seen[s.name] {
			t.Errorf("scenario %s: found %q, error %v, seen before %v", s.name, found.about, err, seen[s.name])
		}
		seen[s.name] = true
	}
	if _, err := columnNamed("nosuch"); err == nil || !strings.Contains(err.Error(), "backlite") {
		t.Errorf("error %v, want one that lists the systems", err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		out  string
		fail string
	}{
		{args: nil, out: "../docs/benchmarks.md"},
		{args: []string{"-quick"}},
		{args: []string{"-reps", "2"}},
		{args: []string{"-profile", "somewhere"}},
		{args: []string{"-systems", "raw"}},
		{args: []string{"-systems", "raw", "-out", "x.md"}, out: "x.md"},
		{args: []string{"-systems", "rwa"}, fail: `no system "rwa"`},
		{args: []string{"-scenarios", "drain"}, fail: `no scenario "drain"`},
		{args: []string{"-sync", "OFF"}, fail: `no level "OFF"`},
		{args: []string{"-reps", "0"}, fail: "at least 1"},
		{args: []string{"surplus"}, fail: "surplus"},
	} {
		o, err := parseOptions(c.args)
		if err == nil {
			_, err = o.plan()
		}
		switch {
		case c.fail == "" && err != nil:
			t.Errorf("%v: %v", c.args, err)
		case c.fail != "" && (err == nil || !strings.Contains(err.Error(), c.fail)):
			t.Errorf("%v: error %v, want %q", c.args, err, c.fail)
		case c.fail == "" && o.out != c.out:
			t.Errorf("%v: writes %q, want %q", c.args, o.out, c.out)
		}
	}
}
