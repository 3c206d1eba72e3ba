package dlq

import (
	"context"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// PurgeOptions say which dead letters to remove for good.
type PurgeOptions struct {
	Query      runtime.DeadQuery
	Limit      int
	DryRun     bool
	By, Reason string
	OnProgress func(Report)
}

// Purge removes the dead letters that match. Interrupted, it returns what was
// done, with ctx.Err().
//
//   - Errors: those of the store.
func Purge(ctx context.Context, d runtime.DeadLetters, o PurgeOptions) (Report, error) {
	report := Report{DryRun: o.DryRun}
	if o.Query.Until.IsZero() {
		o.Query.Until = time.Now()
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
	err = each(ctx, d, o.Query, pageSize, o.Limit, func(page []runtime.DeadLetter) error {
		ids := make([]string, len(page))
		for i, letter := range page {
			ids[i] = letter.Task.ID
		}
		n, err := d.Purge(ctx, ids, o.By, o.Reason)
		if err != nil {
			return err
		}
		report.Done += int64(n)
		report.Remaining = max(0, report.Matched-report.Done)
		if o.OnProgress != nil {
			o.OnProgress(report)
		}
		return ctx.Err()
	})
	return report, err
}
