package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/stem-jobs/stem/internal/cli/demo"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
)

// demoLargest is how many directories the summary names.
const demoLargest = 10

// demoView is the summary in JSON. The four counts of tasks add up to
// directories.
type demoView struct {
	Run            string        `json:"run,omitempty"`
	Tree           string        `json:"tree,omitempty"`
	Store          string        `json:"store,omitempty"`
	Directories    int           `json:"directories"`
	Succeeded      int           `json:"succeeded"`
	Dead           int           `json:"dead"`
	Cancelled      int           `json:"cancelled"`
	Waiting        int           `json:"waiting"`
	Retried        int           `json:"retried"`
	Counts         demo.Counts   `json:"counts"`
	TookMs         int64         `json:"tookMs"`
	TasksPerSecond float64       `json:"tasksPerSecond"`
	Largest        []demo.Counts `json:"largest"`
	Interrupted    bool          `json:"interrupted"`
	DryRun         bool          `json:"dryRun"`
	Next           []string      `json:"next"`

	sample      string // a task worth looking at: a dead letter if there is one
	first, last time.Time
}

// finish prints what the store knows of the run, also of one that was
// interrupted.
func (d *demoRun) finish(ctx context.Context, err error) error {
	if err != nil && !interrupted(err) {
		return err
	}
	ctx, cancel := d.o.app.withTimeout(context.WithoutCancel(ctx))
	defer cancel()
	v, sumErr := d.summarize(ctx)
	if sumErr != nil {
		return fmt.Errorf("read the results: %w", sumErr)
	}
	v.Interrupted = err != nil
	if printErr := d.print(v); printErr != nil {
		return printErr
	}
	if err != nil {
		return negative(exitInterrupted)
	}
	return nil
}

// view is a summary of nothing so far.
func (d *demoRun) view() demoView {
	return demoView{Run: d.id, Tree: d.tree, Largest: []demo.Counts{}, Next: []string{}, DryRun: d.o.dryRun}
}

// summarize reads the records and results of all tasks of the run, page by
// page: nothing in the summary is remembered from the work.
func (d *demoRun) summarize(ctx context.Context) (demoView, error) {
	v := d.view()
	v.Store = d.opened.Backend().Info.URL
	for page := range slices.Chunk(d.tasks, demoBatch) {
		records, err := d.opened.Backend().Results.Get(ctx, page)
		if err != nil {
			return v, err
		}
		for _, r := range records {
			if err := v.add(d, r); err != nil {
				return v, err
			}
		}
	}
	if took := v.last.Sub(v.first); took > 0 {
		v.TookMs = took.Milliseconds()
		v.TasksPerSecond = float64(int64(float64(v.Succeeded+v.Dead)/took.Seconds()*10+0.5)) / 10
	}
	if d.opened.Backend().Info.Shared && len(d.tasks) > 0 {
		v.Next = d.place.nextCommands(v)
	}
	return v, nil
}

func (v *demoView) add(d *demoRun, r runtime.TaskRecord) error {
	if r.State == "" {
		return nil // interrupted before it was stored
	}
	v.Directories++
	switch {
	case r.State == runtime.StateSucceeded:
		var counts demo.Counts
		if err := d.opened.Client().Result(r, &counts); err != nil {
			return err
		}
		v.Succeeded++
		v.Counts.Add(counts)
		v.rank(counts)
	case r.Place == runtime.PlaceDead:
		v.Dead++
	case r.State.Terminal():
		v.Cancelled++
	default:
		v.Waiting++
		return nil
	}
	if r.Attempt > 0 {
		v.Retried++
	}
	if v.sample == "" || r.Place == runtime.PlaceDead && v.Dead == 1 {
		v.sample = r.ID
	}
	v.span(r)
	return nil
}

// span widens the time of the work to that of a task that has ended.
func (v *demoView) span(r runtime.TaskRecord) {
	if v.first.IsZero() || r.StartedAt.Before(v.first) {
		v.first = r.StartedAt
	}
	if r.FinishedAt.After(v.last) {
		v.last = r.FinishedAt
	}
}

// rank keeps the directories with the most lines.
func (v *demoView) rank(c demo.Counts) {
	v.Largest = append(v.Largest, c)
	slices.SortFunc(v.Largest, func(a, b demo.Counts) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Dir, b.Dir))
	})
	v.Largest = v.Largest[:min(len(v.Largest), demoLargest)]
}

func (d *demoRun) print(v demoView) error {
	p := d.o.app.printer
	prose := !p.Structured() && len(p.Fields) == 0 && p.Format != "name"
	if prose && v.Directories == 0 {
		d.hints(v) // a table of zeros tells nothing
		return nil
	}
	if err := printer.PrintItem(p, v, v.Run, demoFields(p, v)); err != nil {
		return err
	}
	if prose && p.Format != "none" && len(v.Largest) > 0 {
		if p.Human() {
			fmt.Fprintln(p.Console.Out)
		}
		if err := printer.PrintList(p, largestList(p, v.Largest)); err != nil {
			return err
		}
	}
	d.hints(v)
	return nil
}

// hints tells what to do next.
func (d *demoRun) hints(v demoView) {
	a := d.o.app
	switch {
	case v.DryRun:
		a.hint("nothing was enqueued; %d tasks would be worked on", v.Waiting)
		return
	case v.Interrupted && v.Waiting > 0:
		a.hint("interrupted; %d tasks wait in the store", v.Waiting)
	case v.Directories == 0:
		a.hint("nothing waits in queue %s; begin with: %s demo%s", demo.Queue, program(), d.place.arguments())
		return
	}
	if len(v.Next) == 0 || a.printer.Structured() {
		return
	}
	a.hint("\nNext, on the store that is left behind:")
	for _, command := range v.Next {
		a.hint("  %s", command)
	}
}

func demoFields(p *printer.Printer, v demoView) []printer.Field {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	if p.Human() {
		number = grouped
	}
	of := func(n int) string { return number(int64(n)) }
	fields := []printer.Field{
		{Label: "tree", Text: v.Tree},
		{Label: "store", Text: v.Store},
		{Label: "directories", Text: of(v.Directories)},
		{Label: "succeeded", Text: of(v.Succeeded)},
		{Label: "dead letters", Text: of(v.Dead)},
		{Label: "waiting", Text: of(v.Waiting)},
		{Label: "retried", Text: of(v.Retried)},
		{Label: "files", Text: number(v.Counts.Files)},
		{Label: "lines", Text: number(v.Counts.Lines)},
	}
	if v.Counts.GoFiles > 0 {
		fields = append(fields,
			printer.Field{Label: "functions", Text: number(v.Counts.Functions)},
			printer.Field{Label: "types", Text: number(v.Counts.Types)},
			printer.Field{Label: "comments", Text: number(v.Counts.Comments)},
			printer.Field{Label: "imports", Text: number(v.Counts.Imports)})
	}
	if v.TookMs > 0 {
		fields = append(fields,
			printer.Field{Label: "took", Text: printer.Span(time.Duration(v.TookMs) * time.Millisecond)},
			printer.Field{Label: "tasks a second", Text: strconv.FormatFloat(v.TasksPerSecond, 'f', 1, 64)})
	}
	return fields
}

// grouped writes a number with its thousands apart: 2,345,678.
func grouped(n int64) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return grouped(n/1000) + fmt.Sprintf(",%03d", n%1000)
}

func largestList(p *printer.Printer, largest []demo.Counts) printer.List[demo.Counts] {
	count := func(title string, priority int, n func(demo.Counts) int64) printer.Column[demo.Counts] {
		return printer.Column[demo.Counts]{
			Title: title, Priority: priority, Right: true,
			Raw:   func(c demo.Counts) string { return strconv.FormatInt(n(c), 10) },
			Human: func(c demo.Counts) string { return grouped(n(c)) },
		}
	}
	return printer.List[demo.Counts]{
		Items: largest,
		Columns: []printer.Column[demo.Counts]{
			{Title: "LARGEST", Raw: func(c demo.Counts) string { return c.Dir }, Min: 20, Middle: true},
			count("LINES", 0, func(c demo.Counts) int64 { return c.Lines }),
			count("FILES", 1, func(c demo.Counts) int64 { return c.Files }),
			count("FUNCTIONS", 2, func(c demo.Counts) int64 { return c.Functions }),
			count("TYPES", 3, func(c demo.Counts) int64 { return c.Types }),
			count("COMMENTS", 4, func(c demo.Counts) int64 { return c.Comments }),
			count("BYTES", 5, func(c demo.Counts) int64 { return c.Bytes }),
		},
	}
}
