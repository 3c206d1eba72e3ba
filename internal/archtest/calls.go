package archtest

// noSleep keeps time.Sleep out of tests: a test that sleeps is either slow or flaky. Wait for the condition with a
// deadline, use a channel, or testing/synctest with a timer.
func noSleep(tree Tree) []string {
	var bad []string
	for _, p := range tree.Packages {
		for _, f := range p.Files {
			if !f.Test && f.localName("testing") == "" {
				continue
			}
			for _, pos := range f.Uses("time", "Sleep") {
				bad = append(bad, f.At(pos)+": a test sleeps; wait for the condition, or use a timer in testing/synctest")
			}
		}
	}
	return bad
}

// exits are the calls that end the process past every deferred clean-up.
var exits = []struct{ pkg, name string }{
	{"os", "Exit"}, {"log", "Fatal"}, {"log", "Fatalf"}, {"log", "Fatalln"},
}

// noExit keeps the process alive for those who must still release leases and close stores: only a main package, cli.Main
// and a TestMain may end it.
func noExit(tree Tree) []string {
	var bad []string
	for _, p := range tree.Packages {
		for _, f := range p.Files {
			if f.Test || p.Dir == "pkg/stem/cli" || f.AST.Name.Name == "main" {
				continue
			}
			for _, e := range exits {
				for _, pos := range f.Uses(e.pkg, e.name) {
					bad = append(bad, f.At(pos)+": "+e.pkg+"."+e.name+" below main; return an error")
				}
			}
		}
	}
	return bad
}
