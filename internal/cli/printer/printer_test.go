package printer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
)

type row struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Size  int64  `json:"size"`
	Note  string `json:"note"`
}

func list(rows []row) printer.List[row] {
	return printer.List[row]{
		Items: rows,
		Next:  "c1",
		Empty: "nothing",
		Name:  func(r row) string { return r.ID },
		Columns: []printer.Column[row]{
			{Title: "ID", Raw: func(r row) string { return r.ID }, Middle: true, Min: 9},
			{Title: "STATE", Raw: func(r row) string { return r.State }, Style: func(row) console.Style { return console.Green }},
			{Title: "SIZE", Raw: func(r row) string { return fmt.Sprint(r.Size) }, Right: true, Priority: 2},
			{Title: "NOTE", Raw: func(r row) string { return r.Note }, Priority: 1, Min: 10},
			{Title: "EXTRA", Raw: func(row) string { return "x" }, Wide: true},
		},
	}
}

var rows = []row{
	{"0198c5f2-7c1e-7000-8000-5a2f3c9d1e77", "failed", 9007199254740993, "a long note with many words in it, longer than most"},
	{"b", "queued", 2, "escape \x1b[31m here"},
}

func newPrinter(width int, format string) (*printer.Printer, *bytes.Buffer) {
	var out bytes.Buffer
	c := &console.Console{Out: &out, Err: &bytes.Buffer{}, OutTTY: width > 0, Width: width, Env: func(string) string { return "" }}
	return &printer.Printer{Console: c, Format: format, Now: func() time.Time { return time.Unix(1000, 0) }}, &out
}

func TestTableFitsTheTerminal(t *testing.T) {
	for _, width := range []int{40, 60, 70, 80, 120, 200} {
		p, out := newPrinter(width, "")
		if err := printer.PrintList(p, list(rows)); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\n"), "\n") {
			if w := console.TextWidth(line); w > width {
				t.Errorf("width %d: %d columns: %q", width, w, line)
			}
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Errorf("width %d: an escape of the data reached the terminal: %q", width, out)
		}
	}
}

func TestWideTableShowsEverything(t *testing.T) {
	p, out := newPrinter(200, "")
	if err := printer.PrintList(p, list(rows)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ID", "NOTE", rows[0].ID, rows[0].Note, "9007199254740993"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out.String(), "EXTRA") {
		t.Errorf("a wide column is there without being asked for:\n%s", out)
	}
}

func TestManyRowsLookLikeFew(t *testing.T) {
	few, fewOut := newPrinter(100, "")
	many, manyOut := newPrinter(100, "")
	if err := printer.PrintList(few, list(rows)); err != nil {
		t.Fatal(err)
	}
	long := append([]row(nil), rows...)
	for range 1200 {
		long = append(long, rows[1])
	}
	if err := printer.PrintList(many, list(long)); err != nil {
		t.Fatal(err)
	}
	head := strings.SplitAfterN(manyOut.String(), "\n", 4)
	if got := strings.Join(head[:3], ""); got != fewOut.String() {
		t.Errorf("streamed:\n%s\ndrawn:\n%s", got, fewOut)
	}
}

func TestPipeIsTabSeparatedAndComplete(t *testing.T) {
	p, out := newPrinter(0, "")
	if err := printer.PrintList(p, list(rows)); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	if want := strings.Join([]string{rows[0].ID, "failed", "9007199254740993", rows[0].Note, "x"}, "\t"); first != want {
		t.Errorf("got  %q\nwant %q", first, want)
	}
}

func TestJSONShape(t *testing.T) {
	p, out := newPrinter(0, "json")
	if err := printer.PrintList(p, list(nil)); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(strings.Fields(out.String()), ""), `{"asOf":"1970-01-01T00:16:40.000Z","items":[],"nextCursor":"c1"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p, out = newPrinter(0, "jsonl")
	if err := printer.PrintList(p, list(rows)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 || !strings.Contains(out.String(), `"size":9007199254740993`) {
		t.Errorf("%d lines, or a digit was lost: %s", n, out)
	}
}

func TestFieldsSelectAndRefuse(t *testing.T) {
	p, out := newPrinter(0, "json")
	p.Fields = []string{"id"}
	if err := printer.PrintList(p, list(rows)); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Items []map[string]any }
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Items[0]) != 1 {
		t.Errorf("got %s (%v)", out, err)
	}
	p.Fields = []string{"nope"}
	if err := printer.PrintList(p, list(rows)); err == nil || !strings.Contains(err.Error(), "id, note, size, state") {
		t.Errorf("got %v", err)
	}
	p, out = newPrinter(80, "")
	p.Fields = []string{"size", "id"}
	if err := printer.PrintList(p, list(rows)); err != nil || !strings.HasPrefix(out.String(), "9007199254740993\t0198") {
		t.Errorf("got %q (%v)", out, err)
	}
}

func TestJQAndTemplate(t *testing.T) {
	p, out := newPrinter(0, "")
	p.JQ = `.items[] | .id, .size`
	if err := printer.PrintList(p, list(rows)); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), rows[0].ID+"\n9007199254740993\nb\n2\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p, out = newPrinter(0, "")
	p.Template = `{{range .items}}{{.id}}={{.size}};{{end}}`
	if err := printer.PrintList(p, list(rows)); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), rows[0].ID+"=9007199254740993;b=2;"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.Template = `{{range}`
	if printer.PrintList(p, list(rows)) == nil {
		t.Error("a broken template was accepted")
	}
}

func TestNames(t *testing.T) {
	p, out := newPrinter(80, "name")
	if err := printer.PrintList(p, list(rows)); err != nil || out.String() != rows[0].ID+"\nb\n" {
		t.Errorf("got %q (%v)", out, err)
	}
}

func TestCheckRefusesWhatDoesNotFit(t *testing.T) {
	for _, p := range []printer.Printer{
		{Format: "xml"}, {Template: "x", JQ: "y"}, {Width: -1}, {Format: "name", Fields: []string{"id"}},
	} {
		if p.Check() == nil {
			t.Errorf("accepted: %+v", p)
		}
	}
}

func TestTimesForPeople(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for want, at := range map[string]time.Time{
		"-": {}, "now": now, "3m05s ago": now.Add(-185 * time.Second), "in 2h00m": now.Add(2 * time.Hour), "3d00h ago": now.Add(-72 * time.Hour),
	} {
		if got := printer.Ago(at, now); got != want {
			t.Errorf("Ago = %q, want %q", got, want)
		}
	}
}
