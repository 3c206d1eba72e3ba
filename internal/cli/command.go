package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stem-jobs/stem/pkg/runtime/config"
)

// Groups of the help of `stem`.
const (
	groupRun     = "run"
	groupInspect = "inspect"
	groupControl = "control"
	groupSetup   = "setup"
)

// newGroup makes a command that only holds others. cobra lets an unknown
// subcommand of such a command end with success; this one refuses it and
// suggests the nearest.
func newGroup(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  noStrayArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(children...)
	return c
}

// noStrayArgs refuses arguments of a command that takes none, taking the first
// for a misspelt subcommand.
func noStrayArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see: " + c.CommandPath() + " --help"
	var has []string
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			has = append(has, child.Name())
		}
	}
	if len(has) > 0 {
		hint = c.CommandPath() + " has: " + strings.Join(has, ", ")
	}
	if near := nearest(args[0], childNames(c)); near != "" {
		hint = fmt.Sprintf("did you mean: %s %s", c.CommandPath(), near)
	}
	if !c.HasAvailableSubCommands() {
		return usagef(hint, "%s takes no arguments, got %q", c.CommandPath(), args[0])
	}
	return usagef(hint, "unknown command %q for %s", args[0], c.CommandPath())
}

func childNames(c *cobra.Command) []string {
	var names []string
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			names = append(append(names, child.Name()), child.Aliases...)
		}
	}
	return names
}

// argRange accepts min to max arguments (max < 0: any number) and says what
// they are when the number is wrong.
func argRange(min, max int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		hint := "usage: " + c.UseLine()
		switch {
		case len(args) < min:
			return usagef(hint, "%s needs %s", c.CommandPath(), what)
		case max >= 0 && len(args) > max:
			return usagef(hint, "%s takes %s, got %q too", c.CommandPath(), what, args[max])
		}
		return nil
	}
}

// flagError turns cobra's complaint about a flag into a usage failure with the
// nearest flag.
func flagError(c *cobra.Command, err error) error {
	hint := "see: " + c.CommandPath() + " --help"
	if _, name, found := strings.Cut(err.Error(), "unknown flag: --"); found {
		if near := nearest(name, flagNames(c)); near != "" {
			hint = "did you mean: --" + near
		}
	}
	return usagef(hint, "%s: %w", c.CommandPath(), err)
}

// nearest returns the candidate within two edits of word, or one that begins
// with it, or "".
func nearest(word string, candidates []string) string {
	best, bestDistance := "", 3
	word = strings.ToLower(word)
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		d := config.EditDistance(word, strings.ToLower(c))
		if len(word) >= 3 && strings.HasPrefix(c, word) {
			d = min(d, 2)
		}
		if d < bestDistance && d < max(len(word), 2) {
			best, bestDistance = c, d
		}
	}
	return best
}

func flagNames(c *cobra.Command) []string {
	var names []string
	visit := func(f *pflag.Flag) { names = append(names, f.Name) }
	c.Flags().VisitAll(visit)
	c.InheritedFlags().VisitAll(visit)
	return names
}
