package archtest

// Rule is one law of the house. Check returns its violations, nil when there are none.
type Rule struct {
	Name  string
	Check func(Tree) []string
}

// Rules lists every rule.
var Rules = []Rule{
	{"imports follow the table", importTable},
	{"third-party libraries stay behind their fences", fences},
	{"direct dependencies are explained", explained},
	{"nothing reaches what it must not link", reach},
	{"tests do not sleep", noSleep},
	{"only main and cli.Main exit", noExit},
	{"every package has a doc comment", packageDocs},
	{"port methods document their errors", portErrors},
	{"ports stay small", portSize},
	{"files stay readable", fileSize},
	{"no path of a machine", machinePaths},
	{"no mark of unfinished work", unfinished},
}
