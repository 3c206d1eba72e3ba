package demo

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

const source = `// Package x is here to be counted.
package x

import (
	"fmt"
	"os"
)

// T and U are types, and so is the one in F.
type (
	T struct{}
	U = T
)

func (T) M() {}

func F() {
	type inner int // counted too
	fmt.Println(os.Args, func() inner { return 0 }())
}
`

func TestCountDir(t *testing.T) {
	root := tree(t, map[string]string{
		"p/x.go":       source,
		"p/broken.go":  "package p\nfunc {",
		"p/notes.txt":  "one\ntwo\nno newline",
		"p/empty.txt":  "",
		"p/binary":     "a\x00\n\n\n",
		"p/below/y.go": "package below\n",
	})
	got, err := CountDir(t.Context(), root, "p")
	if err != nil {
		t.Fatal(err)
	}
	want := Counts{
		Dir: "p", Files: 5, GoFiles: 2, Functions: 2, Types: 3, Comments: 3, Imports: 2, Unparsed: 1,
		Lines: int64(strings.Count(source, "\n")) + 2 + 3,
		Bytes: int64(len(source)) + 16 + 18 + 5,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestCountDirErrors(t *testing.T) {
	root := tree(t, map[string]string{"p/x.go": source})
	if _, err := CountDir(t.Context(), root, "gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that went: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := CountDir(ctx, root, "p"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestCountsAdd(t *testing.T) {
	sum := Counts{Dir: "all"}
	one := Counts{Dir: "p", Files: 1, Bytes: 2, Lines: 3, GoFiles: 4, Functions: 5, Types: 6, Comments: 7, Imports: 8, Unparsed: 9, Unread: 10}
	sum.Add(one)
	sum.Add(one)
	want := Counts{Dir: "all", Files: 2, Bytes: 4, Lines: 6, GoFiles: 8, Functions: 10, Types: 12, Comments: 14, Imports: 16, Unparsed: 18, Unread: 20}
	if sum != want {
		t.Errorf("got %+v", sum)
	}
}
