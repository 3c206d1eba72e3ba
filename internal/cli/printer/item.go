package printer

import (
	"fmt"
	"io"
	"strings"

	"github.com/stem-jobs/stem/internal/cli/console"
)

// Field is one line of an item on a terminal. An empty Text is left out; a Text
// of several lines is indented below its label.
type Field struct {
	Label string
	Text  string
	Style console.Style
}

// PrintItem writes one item: its fields for people, the view for programs, id
// for --output name. In a pipe the fields are label, tab, text.
func PrintItem(p *Printer, view any, id string, fields []Field) error {
	switch {
	case p.Format == "none":
		return nil
	case p.Format == "name":
		_, err := fmt.Fprintln(p.Console.Out, id)
		return err
	case p.Structured():
		return p.document(view, "")
	case len(p.Fields) > 0:
		return printFields(p, []any{view})
	}
	return printLabels(p, fields)
}

func printLabels(p *Printer, fields []Field) error {
	width := 0
	for _, f := range fields {
		if f.Text != "" {
			width = max(width, console.TextWidth(f.Label))
		}
	}
	var b strings.Builder
	for _, f := range fields {
		if f.Text == "" {
			continue
		}
		lines := strings.Split(strings.TrimRight(f.Text, "\n"), "\n")
		for i := range lines {
			lines[i] = console.Safe(lines[i])
		}
		if !p.Console.OutTTY && p.Format == "" {
			b.WriteString(f.Label + "\t" + strings.Join(lines, "\\n") + "\n")
			continue
		}
		pad := strings.Repeat(" ", width-console.TextWidth(f.Label)+columnGap)
		b.WriteString(console.Paint(p.Console.OutColor, console.Bold, f.Label) + pad)
		for i, line := range lines {
			if i > 0 {
				b.WriteString(strings.Repeat(" ", width+columnGap))
			}
			b.WriteString(console.Paint(p.Console.OutColor, f.Style, line) + "\n")
		}
	}
	_, err := io.WriteString(p.Console.Out, b.String())
	return err
}
