package console

import "github.com/mattn/go-runewidth"

// TextWidth is the number of columns that text takes. East Asian ambiguous
// characters count one, whatever the locale, so that output is the same
// everywhere.
func TextWidth(text string) int { return cells.StringWidth(text) }

var cells = func() *runewidth.Condition {
	c := runewidth.NewCondition()
	c.EastAsianWidth = false
	return c
}()

// CutEnd shortens text to width columns, with an ellipsis at the end.
func CutEnd(text string, width int) string {
	if TextWidth(text) <= width {
		return text
	}
	return cells.Truncate(text, width, "…")
}

// CutMiddle shortens text to width columns, with an ellipsis in the middle: the
// ends of an id tell more than its middle.
func CutMiddle(text string, width int) string {
	if TextWidth(text) <= width {
		return text
	}
	if width <= 1 {
		return "…"
	}
	runes := []rune(text)
	tail := (width - 1) / 2
	head := width - 1 - tail
	return string(runes[:min(head, len(runes))]) + "…" + string(runes[max(0, len(runes)-tail):])
}
