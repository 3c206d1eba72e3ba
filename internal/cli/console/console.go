// Package console is the terminal, or the pipe, that a command talks to:
// streams, colour, width, prompts and progress.
//
// It knows nothing of stem. Results go to Out and nothing else does; hints,
// prompts, progress and errors go to Err. Commands never touch os.Stdout.
// Start reading at Console.
package console

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// Console is the surroundings of one run of a command.
//
//   - Width is the columns of the terminal, 0 when Out is none.
//   - Accessible: no redrawing, no box drawing; everything is appended.
type Console struct {
	In         io.Reader
	Out, Err   io.Writer
	InTTY      bool
	OutTTY     bool
	ErrTTY     bool
	Width      int
	OutColor   bool
	ErrColor   bool
	Accessible bool
	NoInput    bool
	Interrupt  <-chan struct{} // closed when the person has had enough; nil: never
	Env        func(string) string
}

// System is the console of this process.
func System() *Console {
	c := &Console{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv}
	c.InTTY = term.IsTerminal(int(os.Stdin.Fd()))
	c.OutTTY = term.IsTerminal(int(os.Stdout.Fd()))
	c.ErrTTY = term.IsTerminal(int(os.Stderr.Fd()))
	if c.OutTTY {
		c.Width, _, _ = term.GetSize(int(os.Stdout.Fd()))
	}
	c.fromEnv()
	return c
}

// fromEnv applies what the environment says about terminals.
func (c *Console) fromEnv() {
	if n, err := strconv.Atoi(c.Env("STEM_FORCE_TTY")); err == nil && n > 0 {
		c.OutTTY, c.ErrTTY, c.Width = true, true, n
	}
	if n, err := strconv.Atoi(c.Env("COLUMNS")); err == nil && n > 0 && c.OutTTY {
		c.Width = n
	}
	if c.OutTTY && c.Width <= 0 {
		c.Width = 80
	}
	c.Accessible = c.Env("ACCESSIBLE") != "" || c.Env("STEM_ACCESSIBLE") != ""
	_ = c.SetColor("auto") // "auto" is always valid
}

// SetColor decides about colour for each stream: "always", "never", or "auto",
// which is a terminal that can, unless NO_COLOR or TERM=dumb says otherwise.
func (c *Console) SetColor(when string) error {
	switch when {
	case "always":
		c.OutColor, c.ErrColor = true, true
	case "never":
		c.OutColor, c.ErrColor = false, false
	case "auto":
		wanted := c.Env("NO_COLOR") == "" && c.Env("TERM") != "dumb" && c.Env("CLICOLOR") != "0"
		forced := c.Env("CLICOLOR_FORCE") != "" && c.Env("CLICOLOR_FORCE") != "0" && c.Env("NO_COLOR") == ""
		c.OutColor = forced || wanted && c.OutTTY
		c.ErrColor = forced || wanted && c.ErrTTY
	default:
		return fmt.Errorf("bad --color %q: use auto, always or never", when)
	}
	return nil
}

// Notef writes a line for the person to Err.
func (c *Console) Notef(format string, args ...any) {
	fmt.Fprintf(c.Err, format+"\n", args...)
}
