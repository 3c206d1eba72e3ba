package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/control"
	"github.com/stem-jobs/stem/pkg/runtime"
)

func newWorkerLs(a *app) *cobra.Command {
	var watch watchFlag
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list", "status"},
		Short:   "List live workers: what they serve, run and have done",
		Example: "  stem worker ls\n  stem worker ls -o json",
		Args:    noStrayArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return watch.run(c.Context(), a, func(ctx context.Context) error {
				opened, err := a.open(ctx)
				if err != nil {
					return err
				}
				ctx, cancel := a.withTimeout(ctx)
				defer cancel()
				workers, err := opened.Backend().Heartbeats.List(ctx)
				if err != nil {
					return err
				}
				return printer.PrintList(a.printer, workerList(a.printer, workers))
			})
		},
	}
	watch.add(c.Flags())
	return c
}

func workerList(p *printer.Printer, workers []runtime.Heartbeat) printer.List[runtime.Heartbeat] {
	n := func(x int64) string { return strconv.FormatInt(x, 10) }
	return printer.List[runtime.Heartbeat]{
		Items: workers,
		Empty: "no worker is running; start one: stem worker",
		Name:  func(w runtime.Heartbeat) string { return w.WorkerID },
		Columns: []printer.Column[runtime.Heartbeat]{
			{Title: "WORKER", Raw: func(w runtime.Heartbeat) string { return w.WorkerID }, Middle: true, Min: 14},
			{Title: "STATE", Raw: func(w runtime.Heartbeat) string { return w.State }, Human: func(w runtime.Heartbeat) string { return aliveText(w, p.Now()) }, Priority: 2},
			{Title: "QUEUES", Raw: func(w runtime.Heartbeat) string { return strings.Join(w.Queues, ",") }, Priority: 1, Min: 10},
			{Title: "RUNNING", Raw: func(w runtime.Heartbeat) string {
				return strconv.Itoa(len(w.Active)) + "/" + strconv.Itoa(w.Concurrency)
			}, Right: true},
			{Title: "STUCK", Raw: func(w runtime.Heartbeat) string { return strconv.Itoa(len(w.Stuck)) }, Right: true, Priority: 3, Style: stuckStyle},
			{Title: "DONE", Raw: func(w runtime.Heartbeat) string { return n(w.Succeeded) }, Right: true, Priority: 2},
			{Title: "FAILED", Raw: func(w runtime.Heartbeat) string { return n(w.Failed) }, Right: true, Priority: 3},
			{Title: "SEEN", Raw: func(w runtime.Heartbeat) string { return printer.Stamp(w.Timestamp) }, Human: func(w runtime.Heartbeat) string { return p.Time(w.Timestamp) }, Priority: 3},
			{Title: "UP SINCE", Raw: func(w runtime.Heartbeat) string { return printer.Stamp(w.StartedAt) }, Wide: true},
			{Title: "PAUSED", Raw: func(w runtime.Heartbeat) string { return strings.Join(w.Paused, ",") }, Wide: true},
			{Title: "LEASES LOST", Raw: func(w runtime.Heartbeat) string { return n(w.LeaseLost) }, Wide: true, Right: true},
			{Title: "MB", Raw: func(w runtime.Heartbeat) string { return n(w.MemoryBytes >> 20) }, Wide: true, Right: true},
		},
	}
}

// quietAfter is how old a heartbeat may be before the worker is called silent:
// one has been missed.
const quietAfter = 8 * time.Second

func aliveText(w runtime.Heartbeat, now time.Time) string {
	if age := now.Sub(w.Timestamp); age > quietAfter {
		return "silent " + printer.Span(age)
	}
	return w.State
}

func stuckStyle(w runtime.Heartbeat) console.Style {
	if len(w.Stuck) > 0 {
		return console.Red
	}
	return console.Plain
}

// replyView is one worker's answer in JSON.
type replyView struct {
	Worker string `json:"worker"`
	Status string `json:"status"`
	Error  string `json:"error"`
}

func newWorkerPing(a *app) *cobra.Command {
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "ping [WORKER...]",
		Short: "Ask workers to answer",
		Long:  "Ask workers to answer.\n\nExit codes: 0 all answered, 4 some did, 75 none did, 1 no worker is running.",
		Example: "  stem worker ping\n" +
			"  stem worker ping --timeout 2s -o json",
		RunE: func(c *cobra.Command, names []string) error { return a.ping(c.Context(), names, timeout) },
	}
	durationVar(c.Flags(), &timeout, "timeout", 5*time.Second, "wait this `time` for answers")
	return c
}

func (a *app) ping(ctx context.Context, names []string, timeout time.Duration) error {
	opened, err := a.open(ctx)
	if err != nil {
		return err
	}
	expected := len(names)
	if expected == 0 {
		workers, err := opened.Backend().Heartbeats.List(ctx)
		if err != nil {
			return err
		}
		if expected = len(workers); expected == 0 {
			a.hint("no worker is running; start one: stem worker")
			return negative(exitNegative)
		}
	}
	replies, err := control.Send(ctx, opened.Backend(), runtime.Command{Type: runtime.CommandPing, Targets: names, By: a.operator()}, expected, timeout)
	if err != nil {
		return err
	}
	views := make([]replyView, len(replies))
	for i, r := range replies {
		views[i] = replyView{Worker: r.WorkerID, Status: r.Status, Error: r.Error}
	}
	list := printer.List[replyView]{
		Items: views,
		Name:  func(v replyView) string { return v.Worker },
		Columns: []printer.Column[replyView]{
			{Title: "WORKER", Raw: func(v replyView) string { return v.Worker }, Min: 14},
			{Title: "STATUS", Raw: func(v replyView) string { return v.Status }},
			{Title: "ERROR", Raw: func(v replyView) string { return v.Error }, Priority: 1},
		},
	}
	if err := printer.PrintList(a.printer, list); err != nil {
		return err
	}
	switch {
	case len(replies) >= expected:
		return nil
	case len(replies) == 0:
		a.hint("none of %d workers answered within %s", expected, runtime.FormatDuration(timeout))
		return negative(exitTimeout)
	}
	a.hint("%d of %d workers answered within %s", len(replies), expected, runtime.FormatDuration(timeout))
	return negative(exitPartial)
}
