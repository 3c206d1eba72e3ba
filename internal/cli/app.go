package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

// app is one run of the program: where it prints, what the person asked for
// globally, and how to get at the configuration and the store. Both are opened
// on first use, so that --help opens nothing.
type app struct {
	console *console.Console
	printer *printer.Printer
	options Options
	flags   globalFlags

	loaded *settings
	opened *stem.App
}

// globalFlags are those of every command.
type globalFlags struct {
	config, store     string
	output            string
	json              bool
	color             string
	noColor, noInput  bool
	width             int
	quiet, verbose    bool
	logLevel, logForm string
	timeout           time.Duration
	connectTimeout    time.Duration
}

func (a *app) addGlobalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&a.flags.config, "config", "", "configuration `file` (default: stem.yaml here or above)")
	f.StringVar(&a.flags.store, "store", "", "store `URL`, such as sqlite:jobs.db")
	f.StringVarP(&a.flags.output, "output", "o", "", "`format`: "+strings.Join(printer.Formats, ", "))
	f.BoolVar(&a.flags.json, "json", false, "same as --output json")
	f.StringSliceVar(&a.printer.Fields, "fields", nil, "only these JSON `fields`, comma-separated")
	f.StringVar(&a.printer.Template, "template", "", "Go `template` over the JSON")
	f.StringVar(&a.printer.JQ, "jq", "", "jq `query` over the JSON")
	f.StringVar(&a.flags.color, "color", "auto", "auto, always or never")
	f.BoolVar(&a.flags.noColor, "no-color", false, "same as --color never")
	f.BoolVar(&a.flags.noInput, "no-input", false, "never ask; fail where a confirmation is needed")
	f.IntVar(&a.flags.width, "width", 0, "columns of tables (default: the terminal's)")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "no hints or progress; ids only where that makes sense")
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false, "log what is done")
	f.StringVar(&a.flags.logLevel, "log-level", "", "debug, info, warn or error")
	f.StringVar(&a.flags.logForm, "log-format", "", "text or json")
	durationVar(f, &a.flags.timeout, "timeout", 30*time.Second, "give up on the store after this `time`")
	durationVar(f, &a.flags.connectTimeout, "connect-timeout", 5*time.Second, "give up on opening the store after this `time`")
}

// Annotations of commands: formats that only one understands, and what to say
// when a command has no result to format.
const (
	moreFormats = "formats"
	noFormats   = "no-formats"
)

// settle applies the global flags before a command runs.
func (a *app) settle(c *cobra.Command) error {
	if a.flags.json {
		if a.flags.output != "" && a.flags.output != "json" {
			return usagef("", "--json and --output %s exclude each other", a.flags.output)
		}
		a.flags.output = "json"
	}
	if a.flags.noColor {
		a.flags.color = "never"
	}
	if err := a.console.SetColor(a.flags.color); err != nil {
		return usagef("", "%w", err)
	}
	a.console.NoInput = a.flags.noInput
	a.printer.Format, a.printer.Width = a.flags.output, a.flags.width
	a.printer.More = strings.Fields(c.Annotations[moreFormats])
	why, refuses := c.Annotations[noFormats]
	if p := c.Parent(); p != nil && p.Name() == "completion" {
		why, refuses = "it prints a script", true
	}
	if refuses && (a.flags.output != "" || a.printer.Structured()) {
		return usagef("", "%s has no --output: %s", c.CommandPath(), why)
	}
	if err := a.printer.Check(); err != nil {
		return usagef("see: stem help formatting", "%w", err)
	}
	return nil
}

// open opens a store that is there already, for commands that look at it or
// steer it: a mistyped path must not become an empty store that looks healthy.
func (a *app) open(ctx context.Context) (*stem.App, error) {
	return a.mustOutlive(a.openOrCreate(ctx, stem.WithOpen(runtime.OpenOptions{MustExist: true})))
}

// openToEnqueue opens the store, or creates it, for tasks that others will run.
func (a *app) openToEnqueue(ctx context.Context) (*stem.App, error) {
	return a.mustOutlive(a.openOrCreate(ctx))
}

// mustOutlive refuses a store that ends with this command.
func (a *app) mustOutlive(opened *stem.App, err error) (*stem.App, error) {
	if err == nil && !opened.Backend().Info.Shared {
		return nil, usagef("use a file: --store sqlite:PATH", "a %s store ends with this command", opened.Backend().Info.Driver)
	}
	return opened, err
}

// openOrCreate opens the store of the configuration once.
func (a *app) openOrCreate(ctx context.Context, opts ...stem.Option) (*stem.App, error) {
	if a.opened != nil {
		return a.opened, nil
	}
	cfg, err := a.settings()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.flags.connectTimeout)
	defer cancel()
	slow := time.AfterFunc(300*time.Millisecond, func() { a.hint("connecting to %s", runtime.MaskURL(cfg.storeURL())) })
	defer slow.Stop()
	opened, err := cfg.open(ctx, append(a.options.Stem, opts...)...)
	if err != nil {
		return nil, a.storeFailure(cfg, err)
	}
	if info := opened.Backend().Info; info.Created {
		a.hint("created store %s", info.URL)
	}
	a.opened = opened
	return opened, nil
}

// storeFailure adds where the store's URL was set, and makes a timeout of the
// opening an unavailable store.
func (a *app) storeFailure(cfg *settings, err error) error {
	f := &failure{err: err, from: cfg.storeOrigin()}
	if errors.Is(err, runtime.ErrNotFound) {
		f.code = exitUnavailable
	}
	if errors.Is(err, context.DeadlineExceeded) {
		f.code = exitUnavailable
		f.err = fmt.Errorf("cannot open store %s: no answer after %s", runtime.MaskURL(cfg.storeURL()), a.flags.connectTimeout)
		f.hint = "check that it runs, or raise --connect-timeout"
	}
	return f
}

// close closes what was opened.
func (a *app) close() error {
	if a.opened == nil {
		return nil
	}
	return a.opened.Close()
}

// withTimeout bounds one question to the store.
func (a *app) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, a.flags.timeout)
}

// hint tells the person something that is not the result.
func (a *app) hint(format string, args ...any) {
	if !a.flags.quiet {
		a.console.Notef(format, args...)
	}
}

// operator names who runs the command, for the audit.
func (a *app) operator() string {
	name := a.console.Env("STEM_OPERATOR")
	if name == "" {
		name = a.console.Env("USER")
	}
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil && name != "" && !strings.Contains(name, "@") {
		name += "@" + host
	}
	return name
}
