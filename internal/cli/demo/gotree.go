package demo

import (
	"context"
	"go/parser"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	goruntime "runtime"
	"strings"
	"time"
)

// FindGoTree returns the directory of the Go source tree on this machine, or ""
// when there is none: where the go command says it is, where this program was
// built from, and where Go is usually installed.
func FindGoTree(ctx context.Context) string {
	for _, candidates := range []func(context.Context) []string{askGo, builtFrom, usualPlaces} {
		for _, goroot := range candidates(ctx) {
			src := filepath.Join(goroot, "src")
			if isGoTree(src) {
				return src
			}
		}
	}
	return ""
}

// isGoTree reports whether dir holds the standard library, which every Go tree
// has and little else.
func isGoTree(dir string) bool {
	for _, file := range []string{"fmt/print.go", "runtime/proc.go"} {
		if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// askGo asks the go command. It must answer from what is installed: a go.mod
// here may name another version, and nobody asked for a download.
func askGo(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "env", "GOROOT")
	c.Env = append(os.Environ(), "GOTOOLCHAIN=local")
	c.WaitDelay = time.Second
	out, err := c.Output()
	if err != nil {
		return nil
	}
	return []string{strings.TrimSpace(string(out))}
}

// builtFrom looks at where the compiler found the standard library, unless the
// build has trimmed that.
func builtFrom(context.Context) []string {
	f := goruntime.FuncForPC(reflect.ValueOf(parser.ParseFile).Pointer())
	file, _ := f.FileLine(f.Entry())
	goroot, ok := strings.CutSuffix(filepath.ToSlash(file), "/src/go/parser/interface.go")
	if !ok {
		return nil
	}
	return []string{filepath.FromSlash(goroot)}
}

// usualPlaces are where installers and package managers put Go.
func usualPlaces(context.Context) []string {
	patterns := []string{
		os.Getenv("GOROOT"),
		"/usr/local/go", "/usr/lib/go", "/usr/lib/go-*", "/usr/lib/golang", "/usr/share/go", "/usr/share/go-*",
		"/opt/homebrew/opt/go/libexec", "/usr/local/opt/go/libexec", "/opt/go", "/snap/go/current",
		`C:\Program Files\Go`, `C:\Go`,
	}
	if home, err := os.UserHomeDir(); err == nil {
		patterns = append(patterns,
			filepath.Join(home, "sdk", "go*"),
			filepath.Join(home, "go", "pkg", "mod", "golang.org", "toolchain@*"))
	}
	var places []string
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err == nil && p != "" { // the patterns are right, but GOROOT and HOME may hold a bracket
			places = append(places, found...)
		}
	}
	return places
}
