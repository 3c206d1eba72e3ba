//go:build unix

package doctest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest = regexp.MustCompile("`(Test[A-Z]\\w+)`")
	namedCase = regexp.MustCompile("`([A-Z]\\w+)/(\\d\\d_\\w+)`")
)

// TestNamedTestsExist: a page that says which test shows a promise is worth
// nothing when the test has gone or has another name.
func TestNamedTestsExist(t *testing.T) {
	const root = "../.."
	tests, suite := sources(t, root, "_test.go"), sources(t, filepath.Join(root, "pkg/runtime/drivertest"), ".go")
	named := 0
	for _, name := range pages(t, root) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range namedTest.FindAllStringSubmatch(string(text), -1) {
			named++
			if !strings.Contains(tests, "\nfunc "+m[1]+"(") {
				t.Errorf("%s names %s, but there is no such test", name, m[1])
			}
		}
		for _, m := range namedCase.FindAllStringSubmatch(string(text), -1) {
			named++
			if !strings.Contains(suite, `{"`+m[2]+`", `) {
				t.Errorf("%s names %s/%s, but the suite has no such case", name, m[1], m[2])
			}
		}
	}
	if named < 50 {
		t.Errorf("found only %d names: the patterns do not fit the pages any more", named)
	}
}

// sources is the text of all files below dir whose names end in suffix.
func sources(t *testing.T, dir, suffix string) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, suffix) {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
