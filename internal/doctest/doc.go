// Package doctest holds the documentation to what it says: every Go snippet of README.md, CONTRIBUTING.md and docs/ is
// compiled, every console snippet is run with a freshly built binary, every configuration is checked. Nothing is exempt
// silently: a fenced block says what it is, and a block of a language that could be run is run.
//
// The first words of a fence decide (CONTRIBUTING.md, "Write documentation", is the writer's side of this):
//
//	go                 begins with "package": a program, compiled alone; otherwise a fragment, compiled with the page
//	go run             a program that is also run; exit code 0, output as in a following "output" block
//	<!-- go … -->      a fragment that readers do not see: the variables a page takes for granted
//	console            commands after "$ ", run one after another in the page's directory; "# exit 64" at the end of one
//	                   says how it ends, 0 otherwise
//	console check      … and the lines below a command are found in its output, in order; "…" stands for anything
//	console background … each command runs until the page ends, and must not end before
//	yaml               a stem.yaml: `stem config check` accepts it; "yaml other" is some other program's file
//	json, jsonl        parses
//	file=NAME          on any block: it is written into the page's directory first
//
// It imports the standard library only. Start reading at page.go (what a block is), then check.go (what is done with it),
// gocode.go and console.go.
package doctest
