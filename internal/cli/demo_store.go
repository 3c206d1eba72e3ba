package cli

import (
	"os"
	"path/filepath"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/config"
)

// demoPlace is the store of a demo. flag is the value of --store by which other
// commands find it, "" for the default store.
type demoPlace struct{ flag string }

// demoStore loads the settings so that the demo works where it harms nobody: in
// the default store when nobody has configured one, in the one that --store
// names, else in a file of its own.
func (a *app) demoStore() (demoPlace, error) {
	cfg, err := a.settings()
	if err != nil {
		return demoPlace{}, err
	}
	origin := cfg.config.Origin("store")
	switch origin.Layer {
	case config.LayerDefault:
		return demoPlace{}, nil
	case config.LayerFlag:
		return demoPlace{flag: a.flags.store}, nil
	}
	file := demoFile(cfg.config)
	a.hint("the store of %s is left alone; the demo uses %s", origin, file)
	a.loaded = nil
	_, err = a.settings(config.Override{Key: "store", Flag: "stem demo", Value: file})
	return demoPlace{flag: file}, err
}

// demoFile is .stem/demo.db beside the configuration, relative to the working
// directory where that is possible.
func demoFile(cfg *config.Config) string {
	file := filepath.Join(".stem", "demo.db")
	if cfg.Path() == "" {
		return file
	}
	file = filepath.Join(filepath.Dir(cfg.Path()), file)
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, file); err == nil {
			return rel
		}
	}
	return file
}

// arguments are what other commands need to work on the store of the demo.
func (p demoPlace) arguments() string {
	if p.flag == "" {
		return ""
	}
	return " --store " + shellQuote(runtime.MaskURL(p.flag)) // a password is never printed, and has to be filled in
}

// nextCommands are what to try on the store that a demo leaves behind.
func (p demoPlace) nextCommands(v demoView) []string {
	commands := []string{"queue ls", "task ls --state failed", "dlq ls"}
	if v.Dead == 0 {
		commands = []string{"queue ls", "task ls --state succeeded"}
	}
	if v.sample != "" {
		commands = append(commands, "task show "+v.sample)
	}
	if v.Dead > 0 {
		commands = append(commands, "dlq replay --queue demo --yes")
	}
	if v.Dead > 0 || v.Waiting > 0 {
		commands = append(commands, "demo --continue")
	}
	for i, c := range commands {
		commands[i] = program() + " " + c + p.arguments()
	}
	return commands
}
