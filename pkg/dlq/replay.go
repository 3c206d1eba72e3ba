package dlq

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

// ReplayOptions say which dead letters go back to work and how.
//
//   - Rate is tasks a second, 0 is no limit. Limit stops after that many.
//   - Delay makes them due later.
//   - MaxErrors ends the run after that many failures, 0 is never.
//   - OnProgress is called after each batch, in the caller's goroutine.
type ReplayOptions struct {
	Query      runtime.DeadQuery
	Rate       float64
	Limit      int
	Delay      time.Duration
	DryRun     bool
	By, Reason string
	MaxErrors  int
	OnProgress func(Report)
}

// Report is what a bulk run has done so far.
//
//   - Matched is how many there were when it began; Remaining is what was
//     not looked at (limit, interruption). Skipped are those that somebody else
//     dealt with in the meantime.
//   - Problems names the first twenty items that failed, with why.
type Report struct {
	Matched, Done, Failed, Skipped, Remaining int64

	DryRun   bool
	Problems []Problem
}

// Problem is one item that could not be done.
type Problem struct{ ID, Why string }

const maxProblems = 20

func (r *Report) fail(id, why string) {
	r.Failed++
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{id, why})
	}
}

// Replay sends the dead letters that match back to their queues, oldest first,
// as new lives of the same tasks: attempt 0, one replay more in the headers.
//
//   - Interrupted, it returns what was done, with ctx.Err(). Run again, it goes
//     on with what is left: what was replayed is no dead letter any more.
//   - Errors: those of the store; a failure of one item is in the report.
func Replay(ctx context.Context, c *client.Client, d runtime.DeadLetters, o ReplayOptions) (Report, error) {
	report := Report{DryRun: o.DryRun}
	if o.Query.Until.IsZero() {
		o.Query.Until = time.Now() // what dies again while it runs is for the next run
	}
	var err error
	if report.Matched, err = d.Count(ctx, o.Query); err != nil {
		return report, err
	}
	report.Remaining = report.Matched
	if o.DryRun {
		planned := report.Matched
		if o.Limit > 0 {
			planned = min(planned, int64(o.Limit))
		}
		report.Done, report.Remaining = planned, report.Matched-planned
		return report, nil
	}
	pace := &pacer{rate: o.Rate}
	err = each(ctx, d, o.Query, batchFor(o.Rate), o.Limit, func(page []runtime.DeadLetter) error {
		if err := pace.wait(ctx, len(page)); err != nil {
			return err
		}
		if err := replayPage(ctx, c, d, page, o, &report); err != nil {
			return err
		}
		report.Remaining = max(0, report.Matched-report.Done-report.Failed-report.Skipped)
		if o.OnProgress != nil {
			o.OnProgress(report)
		}
		if o.MaxErrors > 0 && report.Failed >= int64(o.MaxErrors) {
			return runtime.Errorf(runtime.CodeConflict, "stopped: too many items failed")
		}
		return nil
	})
	return report, err
}

func replayPage(ctx context.Context, c *client.Client, d runtime.DeadLetters, page []runtime.DeadLetter, o ReplayOptions, report *Report) error {
	var rs []runtime.Replay
	for _, letter := range page {
		if letter.Err != nil {
			report.fail(letter.Task.ID, letter.Err.Error())
			continue
		}
		next, err := c.PrepareReplay(letter.Envelope)
		if err != nil {
			report.fail(letter.Task.ID, err.Error())
			continue
		}
		r := runtime.Replay{TaskID: letter.Task.ID, Next: next, By: o.By, Reason: o.Reason}
		if o.Delay > 0 {
			r.NotBefore = time.Now().Add(o.Delay)
		}
		rs = append(rs, r)
	}
	if len(rs) == 0 {
		return nil
	}
	results, err := d.Replay(ctx, rs)
	if err != nil {
		return err
	}
	for i, r := range results {
		switch r.Status {
		case runtime.Accepted:
			report.Done++
		case runtime.Exists: // it is no dead letter any more
			report.Skipped++
		case runtime.Duplicate:
			report.fail(rs[i].TaskID, "its unique key is owned by task "+r.ID)
		default:
			report.fail(rs[i].TaskID, why(r))
		}
	}
	return nil
}

func why(r runtime.PublishResult) string {
	if r.Err != nil {
		return r.Err.Error()
	}
	return r.Status.String()
}
