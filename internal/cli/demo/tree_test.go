package demo

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tree writes files, by slash-separated path, below a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := Resolve(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDirectories(t *testing.T) {
	root := tree(t, map[string]string{
		"README": "", "a/x.go": "", "a/y.go": "", "a/b/z.txt": "", "c/d/e/deep.go": "",
		"testdata/x.go": "", "a/testdata/x.go": "", ".git/config": "", "_old/x.go": "",
	})
	if err := os.Mkdir(filepath.Join(root, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int][]string{
		0: {".", "a", "a/b", "c/d/e"},
		2: {".", "a/b"},
		9: {".", "a", "a/b", "c/d/e"},
	} {
		got, err := Directories(t.Context(), root, limit)
		if err != nil {
			t.Fatal(err)
		}
		sorted := slices.Sorted(slices.Values(got))
		if !slices.Equal(sorted, want) {
			t.Errorf("limit %d: got %q, want %q", limit, got, want)
		}
	}
}

func TestDirectoriesErrors(t *testing.T) {
	root := tree(t, map[string]string{"file": ""})
	if _, err := Directories(t.Context(), filepath.Join(root, "nope"), 0); err == nil {
		t.Error("a tree that is not there: no error")
	}
	if _, err := Directories(t.Context(), filepath.Join(root, "file"), 0); err == nil {
		t.Error("a file: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Directories(ctx, root, 0); err != context.Canceled {
		t.Errorf("interrupted: %v", err)
	}
}

func TestResolveFollowsALinkToTheTree(t *testing.T) {
	root := tree(t, map[string]string{"a/x.go": ""})
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	resolved, err := Resolve(link)
	if err != nil || resolved != root {
		t.Errorf("got %q, %v; want %q", resolved, err, root)
	}
}

func TestFindGoTree(t *testing.T) {
	src := FindGoTree(t.Context())
	if src == "" || !isGoTree(src) {
		t.Fatalf("found %q; the tests were built by a Go that has a tree", src)
	}
	if isGoTree(t.TempDir()) {
		t.Error("an empty directory passes for a Go tree")
	}
	for name, find := range map[string]func(context.Context) []string{"go env": askGo, "the program": builtFrom} {
		for _, goroot := range find(t.Context()) {
			if !isGoTree(filepath.Join(goroot, "src")) {
				t.Errorf("%s names %q, where there is no tree", name, goroot)
			}
		}
	}
}
