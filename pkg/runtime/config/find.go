package config

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// FileName is the name under which a configuration is found.
const FileName = "stem.yaml"

// storeDir and storeFile are where the default store lives.
const (
	storeDir  = ".stem"
	storeFile = "stem.db"
)

// find returns the file to read ("" when there is none) and the directory of
// the default store: that of the file when one was named, otherwise the nearest
// upwards that holds a stem.yaml or a .stem, otherwise dir itself.
func find(named Override, dir string) (file, home string, err error) {
	if named.Value != "" {
		file = absolute(named.Value, dir)
		if info, err := os.Stat(file); err != nil || info.IsDir() {
			reason := "it is a directory"
			if err != nil {
				reason = fileReason(err)
			}
			return "", "", &runtime.Error{
				Code: runtime.CodeInvalid, Message: "open configuration " + file + ": " + reason,
				Hint: named.Flag + " names it; stem init writes a new one",
			}
		}
		return file, filepath.Dir(file), nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		candidate := filepath.Join(at, FileName)
		isFile, isStore := exists(candidate, false), exists(filepath.Join(at, storeDir), true)
		if home == "" && (isFile || isStore) {
			home = at
		}
		if isFile {
			return candidate, home, nil
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if home == "" {
		home = dir
	}
	return "", home, nil
}

func exists(path string, wantDir bool) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir() == wantDir
}

func absolute(path, dir string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// defaultStore returns the URL of the store that is used when none is named.
func defaultStore(home string) string {
	return fileURL(filepath.Join(home, storeDir, storeFile))
}

func fileURL(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/srv on Windows
	}
	return (&url.URL{Scheme: "sqlite", Path: path}).String()
}

// anchor makes the relative path of a file store absolute, so that a command
// means the same store from every directory. Other URLs stay as they are.
func anchor(store, dir string) string {
	path, query, hasQuery := strings.Cut(store, "?")
	if rest, ok := cutScheme(path, "sqlite"); ok {
		path = rest
	} else if strings.Contains(path, ":") && !filepath.IsAbs(path) || filepath.Ext(path) != ".db" {
		return store
	}
	if path == "" || strings.HasPrefix(path, "/") || strings.HasPrefix(path, ":") {
		return store // absolute already, or no path at all
	}
	out := fileURL(absolute(filepath.FromSlash(path), dir))
	if hasQuery {
		out += "?" + query
	}
	return out
}

// cutScheme removes "sqlite:" and, for a relative path, the "//" after it that
// people write all the same.
func cutScheme(s, scheme string) (string, bool) {
	head, rest, found := strings.Cut(s, ":")
	if !found || !strings.EqualFold(head, scheme) {
		return s, false
	}
	if relative, ok := strings.CutPrefix(rest, "//"); ok && !strings.HasPrefix(relative, "/") {
		rest = relative
	}
	return rest, true
}
