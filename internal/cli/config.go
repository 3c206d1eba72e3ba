package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime/config"
)

// newConfig holds the commands about the configuration.
func newConfig(a *app) *cobra.Command {
	c := newGroup("config", "Show, check and find the configuration",
		newConfigShow(a), newConfigCheck(a), newConfigPath(a))
	c.Long = configTopic
	return c
}

// configView is one setting in JSON.
type configView struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Layer  string `json:"layer"`
	Origin string `json:"origin"`
}

func newConfigShow(a *app) *cobra.Command {
	var origin bool
	c := &cobra.Command{
		Use:     "show",
		Short:   "Show every setting with its value; secrets are masked",
		Example: "  stem config show\n  stem config show --origin -o json",
		Args:    noStrayArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.settings()
			if err != nil {
				return err
			}
			var views []configView
			for _, e := range s.config.Show() {
				views = append(views, configView{Key: e.Key, Value: e.Value, Layer: e.Origin.Layer.String(), Origin: e.Origin.String()})
			}
			return printer.PrintList(a.printer, configList(views, origin))
		},
	}
	c.Flags().BoolVar(&origin, "origin", false, "also where each value comes from: flag, variable, file and line")
	return c
}

func configList(views []configView, origin bool) printer.List[configView] {
	l := printer.List[configView]{
		Items: views,
		Name:  func(v configView) string { return v.Key },
		Columns: []printer.Column[configView]{
			{Title: "KEY", Raw: func(v configView) string { return v.Key }, Min: 20},
			{Title: "VALUE", Raw: func(v configView) string { return v.Value }, Min: 16},
		},
	}
	if origin {
		l.Columns = append(l.Columns, printer.Column[configView]{
			Title: "ORIGIN", Raw: func(v configView) string { return v.Origin }, Middle: true, Min: 16,
			Style: func(v configView) console.Style {
				if v.Layer == config.LayerDefault.String() {
					return console.Dim
				}
				return console.Plain
			},
		})
	}
	return l
}

func newConfigCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Aliases: []string{"validate"},
		Short:   "Check the configuration and every declared task, without opening the store",
		Example: "  stem config check\n  stem config check --config deploy/stem.yaml",
		Args:    noStrayArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.settings()
			if err != nil {
				return withoutHint(err) // it would point here
			}
			defs, err := s.definitions(a.options.Stem)
			if err != nil {
				return err
			}
			from := s.config.Path()
			if from == "" {
				from = "the defaults (there is no stem.yaml)"
			}
			v := checkView{OK: true, Path: s.config.Path(), Files: s.config.Files(), Tasks: len(defs)}
			if a.printer.Structured() {
				return printer.PrintItem(a.printer, v, from, nil)
			}
			return a.printer.Line("ok: %s, %d tasks", from, len(defs))
		},
	}
}

// checkView is the answer of check in JSON.
type checkView struct {
	OK    bool     `json:"ok"`
	Path  string   `json:"path"`
	Files []string `json:"files"`
	Tasks int      `json:"tasks"`
}

func newConfigPath(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Print the file the configuration is read from",
		Example: "  stem config path",
		Args:    noStrayArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.settings()
			if err != nil {
				return err
			}
			path := s.config.Path()
			if path == "" {
				return &failure{code: exitNegative, err: fmt.Errorf("there is no stem.yaml here or above"), hint: "make one: stem init"}
			}
			if a.printer.Structured() {
				return printer.PrintItem(a.printer, map[string]string{"path": path}, path, nil)
			}
			return a.printer.Line("%s", path)
		},
	}
}

func withoutHint(err error) error {
	var f *failure
	if errors.As(err, &f) {
		f.hint = "see: stem help configuration"
	}
	return err
}
