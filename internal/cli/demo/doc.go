// Package demo is the work that `stem demo` does: it counts what the
// directories of a source tree hold, one task a directory. Go files are parsed;
// of every other file lines and bytes are counted.
//
// It is not the command: that prints, enqueues and works, in package cli. It
// imports pkg/stem, because its task is written as a user would write it.
//
// Start reading at Count, then tree.go (which directories) and counts.go (what
// is counted).
package demo
