package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// reference writes docs/commands.md: every command with its help, from the tree
// itself, so that the page cannot say something else.
func reference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Commands\n\nMade from the command tree by `go test ./internal/cli -run Reference -update`; every command also says this with `--help`.\n\n")
	b.WriteString("## Flags of every command\n\n")
	writeFlags(&b, root.PersistentFlags())
	writeCommand(&b, root)
	return b.String()
}

func writeCommand(b *strings.Builder, c *cobra.Command) {
	for _, child := range c.Commands() {
		if !child.IsAvailableCommand() || child.Name() == "help" || child.Name() == "completion" {
			continue
		}
		if child.Runnable() && child.Example != "" {
			fmt.Fprintf(b, "## %s\n\n%s.\n\n", child.CommandPath(), child.Short)
			if child.Long != "" && child.Long != child.Short {
				fmt.Fprintf(b, "```text\n%s\n```\n\n", child.Long)
			}
			fmt.Fprintf(b, "```text\n%s\n```\n\n", child.UseLine())
			fmt.Fprintf(b, "Examples:\n\n```text\n%s\n```\n\n", unindent(child.Example))
			writeFlags(b, child.LocalNonPersistentFlags())
		}
		writeCommand(b, child)
	}
}

func unindent(example string) string {
	lines := strings.Split(example, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}

func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	rows := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if rows == 0 {
			b.WriteString("| flag | meaning | default |\n|---|---|---|\n")
		}
		rows++
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		value, usage := pflag.UnquoteUsage(f)
		if value != "" {
			name += " " + value
		}
		def := f.DefValue
		if def == "false" || def == "[]" || def == "0" {
			def = ""
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`), def)
	})
	if rows > 0 {
		b.WriteString("\n")
	}
}
