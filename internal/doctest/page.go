package doctest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Page is the fenced blocks of one Markdown file, in order.
type Page struct {
	Name   string
	Blocks []Block
}

// Block is one fenced block, or a hidden one in an HTML comment.
type Block struct {
	Page string
	Line int      // of the first line of Text, one-based
	Lang string   // "go"
	Mods []string // what follows the language: "run", "file=send.py"
	Text string
}

func (b Block) has(mod string) bool { return slices.Contains(b.Mods, mod) }

// file is the name after "file=", "" without one.
func (b Block) file() string {
	for _, m := range b.Mods {
		if name, ok := strings.CutPrefix(m, "file="); ok {
			return name
		}
	}
	return ""
}

// problem says that something is wrong at a line of the block, counted from zero.
func (b Block) problem(line int, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", b.Page, b.Line+line, fmt.Sprintf(format, args...))
}

var (
	fenceLine  = regexp.MustCompile("^ {0,3}(```+|~~~+)[ \t]*(.*?)[ \t]*$")
	hiddenLine = regexp.MustCompile(`^<!-- (go)[ \t]*$`)
)

// ParsePage finds the blocks of a Markdown text. An unclosed fence is an error: its block would end nowhere.
func ParsePage(name, text string) (Page, error) {
	page := Page{Name: name}
	var open *Block
	var until string
	n := 0
	for line := range strings.Lines(text) {
		n++
		bare := strings.TrimRight(line, "\r\n")
		switch {
		case open != nil && strings.TrimSpace(bare) == until:
			page.Blocks = append(page.Blocks, *open)
			open = nil
		case open != nil:
			open.Text += line
		default:
			open, until = opening(bare)
			if open != nil {
				open.Page, open.Line = name, n+1
			}
		}
	}
	if open != nil {
		return Page{}, fmt.Errorf("%s:%d: a block that opens here is not closed", name, open.Line-1)
	}
	return page, nil
}

// opening returns the block that a line opens and the line that closes it; nil when it opens none.
func opening(line string) (*Block, string) {
	if m := fenceLine.FindStringSubmatch(line); m != nil {
		words := append(strings.Fields(m[2]), "")
		return &Block{Lang: words[0], Mods: words[1:]}, m[1]
	}
	if m := hiddenLine.FindStringSubmatch(line); m != nil {
		return &Block{Lang: m[1]}, "-->"
	}
	return nil, ""
}
