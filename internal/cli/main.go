// Package cli is the command tree of stem: one constructor a verb, one printer,
// one file of exit codes.
//
// A command parses its flags into an options struct, asks the front door
// (pkg/stem) or a capability (pkg/dlq, pkg/control) to do the work, and prints
// through the printer. It never reaches a driver and never exits the process.
//
// Start reading at Main and newRoot, which is the table of contents.
package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/config"
	"github.com/stem-jobs/stem/pkg/stem"
)

// Options are what a binary brings to the command tree.
//
//   - Args are the arguments without the program's name.
//   - Stem are the tasks compiled into a custom binary.
//   - Now is the clock, nil is the machine's.
type Options struct {
	Args    []string
	Console *console.Console
	Stem    []stem.Option
	Now     runtime.Clock
}

// Main runs one command and returns the exit code of the process.
func Main(o Options) (code int) {
	if o.Console == nil {
		o.Console = console.System()
	}
	a := &app{console: o.Console, options: o}
	a.printer = newPrinter(o.Console, o.Now)
	defer a.recoverBug(&code)
	ctx, stop := interruptible()
	defer stop()
	o.Console.Interrupt = ctx.Done()
	root := newRoot(a)
	root.SetArgs(o.Args)
	root.SetOut(o.Console.Out)
	root.SetErr(o.Console.Err)
	err := root.ExecuteContext(ctx)
	if closeErr := a.close(); err == nil {
		err = closeErr
	}
	report(o.Console.Err, err, a.printer.Structured(), o.Console.ErrColor)
	return exitCode(err)
}

// interruptible returns a context that the first Ctrl-C or SIGTERM ends; after
// it, the default action is back, so that the second one ends the process.
// Roles (worker, up) install their own handling.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// recoverBug turns a panic into a line and a file, because a stack trace on the
// screen helps nobody who did not write the code.
func (a *app) recoverBug(code *int) {
	p := recover()
	if p == nil {
		return
	}
	*code = exitBug
	name := "the trace could not be written"
	if f, err := os.CreateTemp("", "stem-crash-*.txt"); err == nil {
		fmt.Fprintf(f, "stem %s\nargs: %q\npanic: %v\n\n%s", version(), a.options.Args, p, debug.Stack())
		name = f.Name()
		f.Close()
	}
	fmt.Fprintf(a.console.Err, "stem: a bug in stem ended this command: %s\n  hint:  please report it with the file %s\n", console.Safe(fmt.Sprint(p)), name)
}

func newPrinter(c *console.Console, now runtime.Clock) *printer.Printer {
	return &printer.Printer{Console: c, Now: now.Now, YAML: config.EncodeYAML}
}
