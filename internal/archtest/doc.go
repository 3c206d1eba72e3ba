// Package archtest holds the rules of the house as tests: which package may import which, where a third-party library may
// be used, what a port must document, how large a file may be, and what no file may contain.
//
// A rule is a function from the tree to its violations (a line each, with the file and what to do), listed in rules.go;
// rules_test.go applies each to this repository and to a small tree made to break it, so that a rule which cannot fail
// fails. Change a rule here only together with docs/decisions or CONTRIBUTING.md.
//
// It imports the standard library only and nothing imports it. Start reading at rules.go, then imports.go (the import
// table) and fences.go (third-party libraries); tree.go reads the repository.
package archtest
