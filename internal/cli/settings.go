package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/config"
	"github.com/stem-jobs/stem/pkg/stem"
)

// settings is the configuration of this run.
type settings struct {
	config *config.Config
	env    func(string) string
}

// settings reads the configuration once: file, environment and the global
// flags. overrides are flags of the command that stand for keys.
func (a *app) settings(overrides ...config.Override) (*settings, error) {
	if a.loaded != nil {
		return a.loaded, nil
	}
	flags := append([]config.Override(nil), overrides...)
	add := func(key, flag, value string) {
		if value != "" {
			flags = append(flags, config.Override{Key: key, Flag: flag, Value: value})
		}
	}
	add("store", "--store", a.flags.store)
	add("log.format", "--log-format", a.flags.logForm)
	level := a.flags.logLevel
	if level == "" && a.flags.verbose {
		level = "debug"
	}
	add("log.level", "--log-level", level)
	cfg, err := config.Load(config.LoadOptions{Path: a.flags.config, Flags: flags})
	if err != nil {
		return nil, configFailure(err)
	}
	for _, w := range cfg.Warnings {
		a.hint("warning: %s", w)
	}
	a.loaded = &settings{config: cfg, env: a.console.Env}
	return a.loaded, nil
}

// configFailure gives a wrong configuration its exit code. The message holds
// the places already.
func configFailure(err error) error {
	return &failure{code: exitConfig, err: fmt.Errorf("the configuration is wrong:\n%w", err), hint: "check it with: stem config check"}
}

func (s *settings) storeURL() string { return s.config.Store }

// storeOrigin tells where the store's URL was set, unless nobody did.
func (s *settings) storeOrigin() string {
	origin := s.config.Origin("store")
	if origin.Layer == config.LayerDefault {
		return ""
	}
	if origin.Layer == config.LayerFile {
		return "store in " + origin.File + ":" + strconv.Itoa(origin.Line)
	}
	return origin.String()
}

func (s *settings) defaults() runtime.TaskOptions { return s.config.Defaults }

func (s *settings) open(ctx context.Context, opts ...stem.Option) (*stem.App, error) {
	return stem.OpenConfig(ctx, s.config, opts...)
}

// definitions returns the declared tasks and those compiled in, by name.
func (s *settings) definitions(compiled []stem.Option) ([]runtime.Definition, error) {
	declared, err := stem.FromConfig(s.config)
	if err != nil {
		return nil, configFailure(err)
	}
	defs, err := stem.Definitions(append([]stem.Option{declared}, compiled...)...)
	if err != nil {
		return nil, err
	}
	registry, err := runtime.NewRegistry(defs...)
	if err != nil {
		return nil, err
	}
	sorted := make([]runtime.Definition, 0, len(defs))
	for _, name := range registry.Names() {
		sorted = append(sorted, *registry.Lookup(name))
	}
	return sorted, nil
}
