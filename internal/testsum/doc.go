// Testsum reads the events of `go test -json` on standard input, prints what a person wants to see of them and appends
// the counts to a file, so that scripts/test can close with figures that the tests themselves reported.
//
// It prints one line a package as it ends, the output of each test that failed, and each skipped test with its reason.
// It exits with 1 when a test or a package failed, and also when no test ran at all: a stage that selects nothing proves
// nothing.
//
// It imports the standard library only. Start reading at main.go; summary.go holds the counting.
package main
