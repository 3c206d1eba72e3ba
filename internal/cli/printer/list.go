package printer

import (
	"fmt"
	"io"
	"strings"

	"github.com/stem-jobs/stem/internal/cli/console"
)

// Column is one column of a table.
//
//   - Human is the text for a terminal, Raw the one for a pipe; nil Human is Raw.
//   - Priority 0 is never dropped; with too little width the highest numbers go
//     first. Min is the narrowest useful width (0: 6).
//   - Wide columns appear with --output wide and in pipes only.
//   - Middle cuts in the middle (ids), else at the end. Right aligns numbers.
type Column[T any] struct {
	Title    string
	Raw      func(T) string
	Human    func(T) string
	Style    func(T) console.Style
	Priority int
	Min      int
	Wide     bool
	Middle   bool
	Right    bool
}

// List is a result of many items. Items are views with JSON tags.
//
//   - Name is the id for --output name.
//   - Next is the cursor of the next page, Empty what to say when there is none.
type List[T any] struct {
	Items   []T
	Columns []Column[T]
	Name    func(T) string
	Next    string
	Empty   string
}

// document is the shape of every list in JSON.
type document[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"nextCursor"`
	AsOf       string `json:"asOf"`
}

// PrintList writes a list in the chosen format.
func PrintList[T any](p *Printer, l List[T]) error {
	switch {
	case p.Format == "none":
		return nil
	case p.Format == "name":
		return printNames(p, l)
	case p.Format == "jsonl" && p.Template == "" && p.JQ == "":
		return printLines(p, l.Items)
	case p.Structured():
		doc := document[T]{Items: l.Items, NextCursor: l.Next, AsOf: Stamp(p.Now())}
		if doc.Items == nil {
			doc.Items = []T{}
		}
		return p.document(doc, "items")
	case len(p.Fields) > 0:
		return printFields(p, l.Items)
	case p.Format == "" && !p.Console.OutTTY:
		return printTabs(p, l)
	}
	if len(l.Items) == 0 {
		if l.Empty != "" {
			p.Console.Notef("%s", l.Empty)
		}
		return nil
	}
	return printTable(p, l)
}

func printNames[T any](p *Printer, l List[T]) error {
	for _, item := range l.Items {
		if _, err := fmt.Fprintln(p.Console.Out, l.Name(item)); err != nil {
			return err
		}
	}
	return nil
}

func printLines[T any](p *Printer, items []T) error {
	for _, item := range items {
		v, err := p.selectFields(item)
		if err != nil {
			return err
		}
		if err := writeJSON(p.Console.Out, v, false); err != nil {
			return err
		}
	}
	return nil
}

// printTabs is what a pipe gets: one row a line, tab-separated, never cut.
func printTabs[T any](p *Printer, l List[T]) error {
	for _, item := range l.Items {
		cells := make([]string, len(l.Columns))
		for i, c := range l.Columns {
			cells[i] = console.Safe(c.Raw(item))
		}
		if err := writeRow(p.Console.Out, cells); err != nil {
			return err
		}
	}
	return nil
}

func writeRow(w io.Writer, cells []string) error {
	_, err := io.WriteString(w, strings.Join(cells, "\t")+"\n")
	return err
}
