package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Directories returns the directories of a tree that hold files, as
// slash-separated paths below root, in lexical order; at most limit (0: all).
// Like the go command it leaves out testdata and what begins with "." or "_".
//
//   - A directory that cannot be read is listed: its task tells why.
//   - Errors: root cannot be read, or is no directory; ctx.Err().
func Directories(ctx context.Context, root string, limit int) ([]string, error) {
	w := treeWalk{root: root, limit: limit, seen: map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		return w.visit(path, d, err)
	})
	return w.dirs, err
}

// Resolve returns the absolute path of a tree with symbolic links resolved,
// because the walk does not follow any.
//
//   - Errors: there is no such directory.
func Resolve(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

type treeWalk struct {
	root  string
	limit int
	seen  map[string]bool
	dirs  []string
}

func (w *treeWalk) visit(path string, d fs.DirEntry, err error) error {
	switch {
	case path == w.root && err != nil:
		return err
	case path == w.root && !d.IsDir():
		return fmt.Errorf("%s is no directory", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil // it went while we looked
	case err != nil:
		return w.add(path)
	case d.IsDir() && path != w.root && leftOut(d.Name()):
		return fs.SkipDir
	case d.Type().IsRegular():
		return w.add(filepath.Dir(path))
	}
	return nil
}

func (w *treeWalk) add(dir string) error {
	if w.seen[dir] {
		return nil
	}
	w.seen[dir] = true
	rel, err := filepath.Rel(w.root, dir)
	if err != nil {
		return err
	}
	w.dirs = append(w.dirs, filepath.ToSlash(rel))
	if w.limit > 0 && len(w.dirs) >= w.limit {
		return fs.SkipAll
	}
	return nil
}

func leftOut(name string) bool {
	return name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}
