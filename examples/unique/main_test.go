package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	const want = `May: duplicate false
May: duplicate true
June: duplicate false
cancelled, replaced
cancelled, replaced
indexed final
warned: 90 % full; once more: duplicate true
`
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}
