package cli

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// program is how this program was called, for commands that a person can copy:
// its path as it was typed, or the `go run` that built it.
func program() string {
	info, _ := debug.ReadBuildInfo()
	_, err := os.Stat("go.mod")
	return programName(os.Args[0], info, err == nil)
}

// programName tells a binary of `go run` by its place in a build directory that
// is gone when the program ends. atRoot: the working directory is the root of a
// module, so that the package can be named by its place below it.
func programName(arg0 string, info *debug.BuildInfo, atRoot bool) string {
	path := filepath.ToSlash(arg0)
	byGoRun := strings.Contains(path, "/go-build") && strings.HasSuffix(path[:strings.LastIndexByte(path, '/')+1], "/exe/")
	if !byGoRun || info == nil || info.Path == "" || info.Path == "command-line-arguments" {
		return shellQuote(arg0)
	}
	if below, ok := strings.CutPrefix(info.Path, info.Main.Path+"/"); ok && atRoot {
		return "go run ./" + below
	}
	return "go run " + info.Path
}

// shellQuote returns word as a shell reads it.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,\\", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
