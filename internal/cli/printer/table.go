package printer

import (
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/stem-jobs/stem/internal/cli/console"
)

const (
	columnGap  = 2
	cardsBelow = 60   // columns of a terminal on which a table cannot be read
	streamFrom = 1000 // rows from which the table library is too slow
)

// grid is a table as text, before it is fitted to the width.
type grid struct {
	specs []spec
	rows  [][]cell
}

type spec struct {
	title         string
	priority, min int
	right, middle bool
	width         int
}

type cell struct {
	text  string
	style console.Style
}

func printTable[T any](p *Printer, l List[T]) error {
	g := layout(p, l)
	width := p.Width
	if width == 0 && p.Console.OutTTY {
		width = p.Console.Width
	}
	if width > 0 && width < cardsBelow && p.Format != "wide" {
		return g.cards(p, width)
	}
	if width > 0 && p.Format != "wide" {
		g.fit(width)
	}
	if len(g.rows) > streamFrom || p.Console.Accessible {
		return g.stream(p)
	}
	return g.render(p)
}

func layout[T any](p *Printer, l List[T]) *grid {
	g := &grid{rows: make([][]cell, len(l.Items))}
	for _, c := range l.Columns {
		if c.Wide && p.Format != "wide" {
			continue
		}
		s := spec{title: c.Title, priority: c.Priority, min: max(c.Min, 6), right: c.Right, middle: c.Middle}
		s.width = console.TextWidth(s.title)
		for i, item := range l.Items {
			text := c.Raw
			if c.Human != nil && p.Human() {
				text = c.Human
			}
			x := cell{text: console.Safe(text(item))}
			if c.Style != nil {
				x.style = c.Style(item)
			}
			s.width = max(s.width, console.TextWidth(x.text))
			g.rows[i] = append(g.rows[i], x)
		}
		g.specs = append(g.specs, s)
	}
	return g
}

// fit drops the least important columns and then narrows the widest until the
// row fits.
func (g *grid) fit(width int) {
	for g.width(true) > width && g.dropLeast() {
	}
	for over := g.width(false) - width; over > 0; over = g.width(false) - width {
		widest := -1
		for i, s := range g.specs {
			if s.width > s.min && (widest < 0 || s.width > g.specs[widest].width) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		s := &g.specs[widest]
		s.width = max(s.min, s.width-over)
	}
}

// width is the columns a row takes, at its narrowest or as it is.
func (g *grid) width(narrowest bool) int {
	total := columnGap * (len(g.specs) - 1)
	for _, s := range g.specs {
		if narrowest {
			total += min(s.min, s.width)
		} else {
			total += s.width
		}
	}
	return total
}

func (g *grid) dropLeast() bool {
	least := 0
	for i, s := range g.specs {
		if s.priority >= g.specs[least].priority {
			least = i
		}
	}
	if g.specs[least].priority == 0 {
		return false
	}
	g.specs = append(g.specs[:least], g.specs[least+1:]...)
	for i, row := range g.rows {
		g.rows[i] = append(row[:least], row[least+1:]...)
	}
	return true
}

func (s spec) cut(text string) string {
	if s.middle {
		return console.CutMiddle(text, s.width)
	}
	return console.CutEnd(text, s.width)
}

// padded is one cell as wide as its column, in its style. The table library
// miscounts painted text, so it is given cells that need no padding.
func (s spec) padded(c cell, color bool) string {
	text := s.cut(c.text)
	pad := strings.Repeat(" ", max(0, s.width-console.TextWidth(text)))
	text = console.Paint(color, c.style, text)
	if s.right {
		return pad + text
	}
	return text + pad
}

// header is the row of titles.
func (g *grid) header() []cell {
	row := make([]cell, len(g.specs))
	for i, s := range g.specs {
		row[i] = cell{s.title, console.Bold}
	}
	return row
}

// text returns the cells of a row, padded and painted.
func (g *grid) text(row []cell, color bool) []string {
	out := make([]string, len(row))
	for i, c := range row {
		out[i] = g.specs[i].padded(c, color)
	}
	return out
}

// render draws with the table library. Its own width logic splits the room
// evenly and cuts long columns while short ones leave space, so it is given
// exact widths.
func (g *grid) render(p *Printer) error {
	widths := tw.NewMapper[int, int]()
	for i, s := range g.specs {
		widths[i] = s.width + columnGap
	}
	left := tw.CellAlignment{Global: tw.AlignLeft}
	var out strings.Builder
	t := tablewriter.NewTable(&out,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithHeaderAlignmentConfig(left),
		tablewriter.WithRowAlignmentConfig(left),
		tablewriter.WithPadding(tw.Padding{Right: strings.Repeat(" ", columnGap), Overwrite: true}),
		tablewriter.WithColumnWidths(widths),
		tablewriter.WithEastAsian(tw.Off),
	)
	color := p.Console.OutColor
	t.Header(g.text(g.header(), color))
	for _, row := range g.rows {
		if err := t.Append(g.text(row, color)); err != nil {
			return err
		}
	}
	if err := t.Render(); err != nil {
		return err
	}
	return writeTrimmed(p.Console.Out, out.String())
}

const reset = "\x1b[0m"

// writeTrimmed drops the padding at line ends, which would wrap on a terminal
// that is exactly as wide as the table.
func writeTrimmed(w io.Writer, text string) error {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		for strings.HasSuffix(line, " "+reset) { // the library closes what is closed
			line = strings.TrimRight(strings.TrimSuffix(line, reset), " ")
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// stream writes the same columns row by row.
func (g *grid) stream(p *Printer) error {
	gap := strings.Repeat(" ", columnGap)
	for _, row := range append([][]cell{g.header()}, g.rows...) {
		if err := writeTrimmed(p.Console.Out, strings.Join(g.text(row, p.Console.OutColor), gap)); err != nil {
			return err
		}
	}
	return nil
}

// cards writes one block a row, for narrow terminals.
func (g *grid) cards(p *Printer, width int) error {
	label := 0
	for _, s := range g.specs {
		label = max(label, console.TextWidth(s.title))
	}
	var b strings.Builder
	for i, row := range g.rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		for j, c := range row {
			s := g.specs[j]
			s.width = max(1, width-label-columnGap)
			pad := strings.Repeat(" ", label-console.TextWidth(s.title)+columnGap)
			b.WriteString(console.Paint(p.Console.OutColor, console.Bold, s.title) + pad)
			b.WriteString(console.Paint(p.Console.OutColor, c.style, s.cut(c.text)))
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(p.Console.Out, b.String())
	return err
}
