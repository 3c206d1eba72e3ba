package demo

import (
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
)

// Counts is what one directory holds, or several together.
//
//   - Lines are those of text files; a file with a zero byte near its beginning
//     is taken for a binary one, as git does.
//   - Functions include methods. Comments are groups: what is written together.
//   - Unparsed are Go files with errors in them, and overlong ones; Unread are
//     files that could not be read.
type Counts struct {
	Dir       string `json:"dir,omitempty"`
	Files     int64  `json:"files"`
	Bytes     int64  `json:"bytes"`
	Lines     int64  `json:"lines"`
	GoFiles   int64  `json:"goFiles"`
	Functions int64  `json:"functions"`
	Types     int64  `json:"types"`
	Comments  int64  `json:"comments"`
	Imports   int64  `json:"imports"`
	Unparsed  int64  `json:"unparsed"`
	Unread    int64  `json:"unread"`
}

// maxSource bounds the Go files that are parsed: a syntax tree takes many times
// the memory of its text.
const maxSource = 16 << 20

// Add adds other to c; the directory stays.
func (c *Counts) Add(other Counts) {
	c.Files += other.Files
	c.Bytes += other.Bytes
	c.Lines += other.Lines
	c.GoFiles += other.GoFiles
	c.Functions += other.Functions
	c.Types += other.Types
	c.Comments += other.Comments
	c.Imports += other.Imports
	c.Unparsed += other.Unparsed
	c.Unread += other.Unread
}

// CountDir counts the regular files of one directory, not of those below it.
//
//   - Errors: the directory cannot be read; ctx.Err().
func CountDir(ctx context.Context, root, dir string) (Counts, error) {
	c := Counts{Dir: dir}
	path := filepath.Join(root, filepath.FromSlash(dir))
	entries, err := os.ReadDir(path)
	if err != nil {
		return c, err
	}
	buf := make([]byte, 64<<10)
	for _, e := range entries {
		if !e.Type().IsRegular() { // reading a pipe would wait for ever
			continue
		}
		if err := c.file(ctx, filepath.Join(path, e.Name()), buf); err != nil {
			return c, err
		}
	}
	return c, nil
}

// file counts one file. One that cannot be read is counted as such: it must not
// hide its neighbours.
func (c *Counts) file(ctx context.Context, path string, buf []byte) error {
	size, lines, err := measure(ctx, path, buf)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.Files++
	if err != nil {
		c.Unread++
		return nil
	}
	c.Bytes += size
	c.Lines += lines
	if filepath.Ext(path) == ".go" {
		c.GoFiles++
		c.source(path, size)
	}
	return nil
}

// measure returns the bytes and lines of a file, whatever its size.
func measure(ctx context.Context, path string, buf []byte) (size, lines int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	var last byte = '\n'
	binary := false
	for ctx.Err() == nil {
		n, err := f.Read(buf)
		if n > 0 {
			binary = binary || size == 0 && bytes.IndexByte(buf[:min(n, 8000)], 0) >= 0
			size += int64(n)
			lines += int64(bytes.Count(buf[:n], []byte{'\n'}))
			last = buf[n-1]
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, 0, err
		}
	}
	if last != '\n' {
		lines++
	}
	if binary {
		lines = 0
	}
	return size, lines, ctx.Err()
}

// source parses a Go file and counts what it declares.
func (c *Counts) source(path string, size int64) {
	if size > maxSource {
		c.Unparsed++
		return
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		c.Unparsed++
		return
	}
	c.Comments += int64(len(file.Comments))
	c.Imports += int64(len(file.Imports))
	ast.Inspect(file, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncDecl:
			c.Functions++
		case *ast.TypeSpec:
			c.Types++
		}
		return true
	})
}
