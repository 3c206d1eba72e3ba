package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
)

// typeView is a registered task in JSON.
type typeView struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Queue       string   `json:"queue"`
	MaxRetries  int      `json:"maxRetries"`
	HardLimit   string   `json:"hardLimit"`
	Rate        string   `json:"rate"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	Idempotent  bool     `json:"idempotent"`
	Source      string   `json:"source"`
}

func newTaskTypes(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "types",
		Short:   "List the tasks that this configuration or binary can run",
		Example: "  stem task types\n  stem task types -o json",
		Args:    noStrayArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.settings()
			if err != nil {
				return err
			}
			defs, err := cfg.definitions(a.options.Stem)
			if err != nil {
				return err
			}
			var views []typeView
			for _, d := range defs {
				views = append(views, newTypeView(d, cfg.defaults()))
			}
			return printer.PrintList(a.printer, typeList(views))
		},
	}
}

func newTypeView(d runtime.Definition, defaults runtime.TaskOptions) typeView {
	o := d.Options.Over(defaults).Over(runtime.DefaultOptions())
	v := typeView{
		Name: d.Name, Kind: d.Kind, Queue: *o.Queue, MaxRetries: *o.MaxRetries, Description: d.Description,
		Tags: d.Tags, Idempotent: d.Idempotent, Source: d.Source,
	}
	if *o.HardLimit > 0 {
		v.HardLimit = runtime.FormatDuration(*o.HardLimit)
	}
	if o.Rate.N > 0 {
		v.Rate = o.Rate.String()
	}
	return v
}

func typeList(views []typeView) printer.List[typeView] {
	return printer.List[typeView]{
		Items: views,
		Empty: "no tasks are declared; add some under tasks: in stem.yaml (stem init makes one)",
		Name:  func(v typeView) string { return v.Name },
		Columns: []printer.Column[typeView]{
			{Title: "TASK", Raw: func(v typeView) string { return v.Name }, Min: 12},
			{Title: "KIND", Raw: func(v typeView) string { return v.Kind }, Priority: 2},
			{Title: "QUEUE", Raw: func(v typeView) string { return v.Queue }, Priority: 1},
			{Title: "HARD LIMIT", Raw: func(v typeView) string { return v.HardLimit }, Priority: 4},
			{Title: "RATE", Raw: func(v typeView) string { return v.Rate }, Priority: 5},
			{Title: "DESCRIPTION", Raw: func(v typeView) string { return v.Description }, Priority: 3, Min: 16},
			{Title: "TAGS", Raw: func(v typeView) string { return strings.Join(v.Tags, ",") }, Wide: true},
			{Title: "SOURCE", Raw: func(v typeView) string { return v.Source }, Wide: true, Middle: true},
		},
	}
}
