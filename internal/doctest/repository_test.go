//go:build unix

package doctest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPages checks every page of this repository with a stem built from it.
func TestPages(t *testing.T) {
	const root = "../.."
	c := Checker{Root: root, Bin: t.TempDir()}
	build := exec.Command("go", "build", "-o", c.Bin, "./cmd/stem")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build stem: %v\n%s", err, out)
	}
	names := pages(t, root)
	if len(names) < 3 {
		t.Fatalf("found only %v", names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
			}
			report(t, c, name, string(text))
		})
	}
}

func report(t *testing.T, c Checker, name, text string) {
	t.Helper()
	page, err := ParsePage(name, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range c.Check(page, t.TempDir()) {
		t.Error(problem)
	}
}

// pages lists the Markdown files that make promises: those for readers at the root and all of docs/.
func pages(t *testing.T, root string) []string {
	t.Helper()
	names := []string{"README.md", "CONTRIBUTING.md"}
	err := fs.WalkDir(os.DirFS(root), "docs", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".md") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
