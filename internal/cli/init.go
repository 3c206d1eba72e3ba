package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime/config"
)

type initOptions struct {
	app    *app
	dir    string
	force  bool
	dryRun bool
}

func newInit(a *app) *cobra.Command {
	o := &initOptions{app: a}
	c := &cobra.Command{
		Use:   "init",
		Short: "Write a commented stem.yaml to start from",
		Long: "Write a commented stem.yaml to start from, with one task that runs anywhere. A file that is there is not\n" +
			"touched, unless --force.",
		Example: "  stem init\n  stem init --dir deploy\n  stem init --dry-run",
		Args:    noStrayArgs,
		RunE:    func(*cobra.Command, []string) error { return o.run() },
	}
	f := c.Flags()
	f.StringVar(&o.dir, "dir", ".", "write it into this `directory`, which is made when it is not there")
	f.BoolVar(&o.force, "force", false, "overwrite a stem.yaml")
	addDryRun(f, &o.dryRun)
	return c
}

// initView is the result in JSON. Content is what a dry run would have written.
type initView struct {
	Path    string   `json:"path"`
	Content string   `json:"content,omitempty"`
	DryRun  bool     `json:"dryRun"`
	Next    []string `json:"next"`
}

func (o *initOptions) run() error {
	v := initView{Path: filepath.Join(o.dir, config.FileName), DryRun: o.dryRun}
	v.Next = o.nextCommands(v.Path)
	if o.dryRun {
		v.Content = config.Starter()
		return o.print(v)
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	if err := o.write(v.Path); err != nil {
		return err
	}
	return o.print(v)
}

func (o *initOptions) write(path string) error {
	if o.force {
		return overwrite(path, config.Starter())
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return &failure{code: exitNegative, err: fmt.Errorf("%s exists; nothing was changed", path), hint: "--dry-run shows what would be written, --force overwrites"}
	}
	if err != nil {
		return err
	}
	return fill(f, config.Starter())
}

// overwrite puts a whole new file in the place of an old one: a worker that
// reads it at this moment sees the one or the other.
func overwrite(path, text string) error {
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	if err := errors.Join(draft.Chmod(0o644), fill(draft, text)); err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}

// fill writes and closes a new file, and leaves no half of one behind.
func fill(f *os.File, text string) error {
	_, err := f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name()) // the first failure is the one to tell
	}
	return err
}

// nextCommands work in the working directory, wherever the file is.
func (o *initOptions) nextCommands(path string) []string {
	where := ""
	if filepath.Clean(o.dir) != "." {
		where = " --config " + shellQuote(path)
	}
	return []string{
		program() + " config check" + where,
		program() + " up" + where,
		program() + ` enqueue hello '{"name": "Ada"}' --wait` + where,
	}
}

func (o *initOptions) print(v initView) error {
	a := o.app
	if a.printer.Structured() || a.printer.Format == "name" {
		return printer.PrintItem(a.printer, v, v.Path, nil)
	}
	if o.dryRun {
		a.hint("nothing was written; this would be %s:", v.Path)
		return a.printer.Line("%s", strings.TrimSuffix(v.Content, "\n"))
	}
	if err := a.printer.Line("wrote %s", v.Path); err != nil {
		return err
	}
	a.hint("\nNext (the second one keeps running: use another terminal for the third):")
	for _, command := range v.Next {
		a.hint("  %s", command)
	}
	return nil
}
