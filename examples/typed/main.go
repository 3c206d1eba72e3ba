// Typed shows a task with typed arguments and a typed result: it reports
// progress, is tried again after a failure, and says when trying again is no
// use.
//
//	go run ./examples/typed
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/stem"
)

// Order is what the task gets, Invoice what it returns. Both travel as JSON.
type Order struct {
	Customer string   `json:"customer"`
	Items    []string `json:"items"`
}

type Invoice struct {
	Number string `json:"number"`
	Items  int    `json:"items"`
}

var errBusy = errors.New("the printer is busy")

// Bill is defined once, as a package variable. Its options hold for every call
// that does not set its own.
var Bill = stem.Define("order.bill", bill,
	stem.Retry(runtime.RetryPolicy{Max: new(3), Backoff: 10 * time.Millisecond}),
	stem.HardLimit(time.Minute),
	stem.Description("Print the invoice of an order"),
)

func bill(ctx context.Context, o Order) (Invoice, error) {
	t := stem.FromContext(ctx)
	if len(o.Items) == 0 {
		return Invoice{}, stem.Permanent(fmt.Errorf("the order of %s is empty", o.Customer))
	}
	for i, item := range o.Items {
		if item == "stapler" && t.Attempt() == 0 {
			return Invoice{}, errBusy // tried again, after 10 ms
		}
		t.Logf("printed %s", item)
		if err := t.Progress(100*float64(i+1)/float64(len(o.Items)), nil); err != nil {
			return Invoice{}, err // the task is somebody else's by now
		}
	}
	return Invoice{Number: "2026-" + t.ID(), Items: len(o.Items)}, nil
}

func run(ctx context.Context, out io.Writer) error {
	app, err := stem.Open(ctx, "memory:", stem.With(Bill))
	if err != nil {
		return err
	}
	defer app.Close()
	working, stop := context.WithCancel(ctx)
	defer stop()
	worker := make(chan error, 1)
	go func() { worker <- app.Work(working) }()

	h, err := Bill.Enqueue(ctx, app, Order{"Ada", []string{"pen", "stapler"}}, stem.ID("17"))
	if err != nil {
		return err
	}
	invoice, err := h.Wait(ctx) // an Invoice
	if err != nil {
		return err
	}
	record, err := h.Record(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "invoice %s of %d items, attempt %d, %.0f %% done\n",
		invoice.Number, invoice.Items, record.Attempt+1, record.Percent)

	h, err = Bill.Enqueue(ctx, app, Order{Customer: "Bob"})
	if err != nil {
		return err
	}
	_, err = h.Wait(ctx)
	var failed *client.TaskFailed
	if !errors.As(err, &failed) {
		return fmt.Errorf("want a failed task, got %v", err)
	}
	fmt.Fprintf(out, "%s after attempt %d: %s\n", failed.Task.Reason, failed.Task.Attempt+1, failed.Failure.Message)

	stop()
	return <-worker
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}
