package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out, filepath.Join(t.TempDir(), "shop.db")); err != nil {
		t.Fatal(err)
	}
	const want = `confirmed to ada
bob: out of stock
mail to bob: no task confirm-bob
orders: 1
`
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}
