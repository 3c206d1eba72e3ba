package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^told the user: report.txt is there
task \S+ \(file.upload\) failed: permanent-error: missing.txt: no such file
told the admin: missing.txt failed
$`)
	if !want.MatchString(out.String()) {
		t.Errorf("got:\n%s", out.String())
	}
}
