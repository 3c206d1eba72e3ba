// Unique shows the three uses of a unique key: one at a time, the newest wins
// (debounce), and not again for a while (throttle).
//
//	go run ./examples/unique
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

type Month struct {
	Month string `json:"month"`
}

type Page struct {
	Text string `json:"text"`
}

// Report is unique by its arguments: one report a month is built at a time.
var Report = stem.Define("report.build", func(_ context.Context, m Month) (string, error) {
	return "report of " + m.Month, nil
}, stem.Unique(runtime.UniqueOptions{}))

// Index is unique by a key of its own, and the newest wins: of ten changes in a
// row only the last is indexed.
var Index = stem.Define("page.index", func(_ context.Context, p Page) (string, error) {
	return "indexed " + p.Text, nil
}, stem.Unique(runtime.UniqueOptions{Key: "page-7", Replace: true}))

// Warn keeps its key for an hour after it has ended.
var Warn = stem.Define("admin.warn", func(_ context.Context, p Page) (string, error) {
	return "warned: " + p.Text, nil
}, stem.Unique(runtime.UniqueOptions{Key: "disk", For: time.Hour}))

func run(ctx context.Context, out io.Writer) error {
	app, err := stem.Open(ctx, "memory:", stem.With(Report, Index, Warn))
	if err != nil {
		return err
	}
	defer app.Close()
	// Nothing works yet, so that everything enqueued here waits.
	for _, month := range []string{"May", "May", "June"} {
		h, err := Report.Enqueue(ctx, app, Month{month})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: duplicate %v\n", month, h.Duplicate)
	}
	var changes []*stem.Handle[string]
	for _, text := range []string{"draft", "better", "final"} {
		h, err := Index.Enqueue(ctx, app, Page{text}, stem.Delay(20*time.Millisecond))
		if err != nil {
			return err
		}
		changes = append(changes, h)
	}
	warning, err := Warn.Enqueue(ctx, app, Page{"90 % full"})
	if err != nil {
		return err
	}

	working, stop := context.WithCancel(ctx)
	defer stop()
	worker := make(chan error, 1)
	go func() { worker <- app.Work(working) }()
	for _, h := range changes {
		text, err := h.Wait(ctx)
		record, _ := h.Record(ctx)
		if err != nil {
			text = string(record.State) + ", " + record.Reason
		}
		fmt.Fprintln(out, text)
	}
	text, err := warning.Wait(ctx)
	if err != nil {
		return err
	}
	again, err := Warn.Enqueue(ctx, app, Page{"91 % full"})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s; once more: duplicate %v\n", text, again.Duplicate)
	stop()
	return <-worker
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}
