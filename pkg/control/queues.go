package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Queue is a queue as an operator wants to see it: its counts, who serves it
// and who paused it.
type Queue struct {
	Stat     runtime.QueueStat
	Workers  []string
	PausedBy string
}

// Queues returns the named queues, or all when names is nil: those that hold or
// held tasks and those that a live worker serves.
//
//   - Errors: ErrUnavailable.
func Queues(ctx context.Context, b *runtime.Backend, names []string, now time.Time) ([]Queue, error) {
	stats, err := b.Queues.Stats(ctx, names)
	if err != nil {
		return nil, err
	}
	workers, err := b.Heartbeats.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list workers: %w", err)
	}
	if names == nil {
		stats = withServed(stats, workers)
	}
	out := make([]Queue, len(stats))
	for i, s := range stats {
		out[i] = Queue{Stat: s}
		for _, w := range workers {
			if slices.Contains(w.Queues, s.Queue) {
				out[i].Workers = append(out[i].Workers, w.WorkerID)
			}
		}
		pause, err := pauseOf(ctx, b.Directives, s.Queue, now)
		if err != nil {
			return nil, fmt.Errorf("read directives: %w", err)
		}
		if pause != nil {
			out[i].PausedBy = orSomebody(pause.By)
		}
	}
	return out, nil
}

// withServed adds queues that workers wait on but that never held a task.
func withServed(stats []runtime.QueueStat, workers []runtime.Heartbeat) []runtime.QueueStat {
	known := map[string]bool{}
	for _, s := range stats {
		known[s.Queue] = true
	}
	for _, w := range workers {
		for _, q := range w.Queues {
			if !known[q] {
				known[q] = true
				stats = append(stats, runtime.QueueStat{Queue: q})
			}
		}
	}
	return stats
}

// PurgeReport is what a purge has done so far.
type PurgeReport struct{ Matched, Done, Remaining int64 }

// waitingPlaces are the places from which a purge takes.
var waitingPlaces = []runtime.Place{runtime.PlaceReady, runtime.PlaceDelayed, runtime.PlaceWaiting, runtime.PlaceParked}

// PurgeQueue cancels everything that waits in a queue, page by page, and calls
// progress after each. What is enqueued while it runs may be cancelled or not.
//
//   - The reason goes into the audit, with the queue as its subject; the tasks
//     themselves end with ReasonPurged.
//   - Interrupted, it returns what was done, with ctx.Err(). Run again, it goes
//     on with what is left.
//   - Errors: ErrUnavailable; ctx.Err().
func PurgeQueue(ctx context.Context, b *runtime.Backend, queue, by, reason string, progress func(PurgeReport)) (PurgeReport, error) {
	var report PurgeReport
	stats, err := b.Queues.Stats(ctx, []string{queue})
	if err != nil {
		return report, err
	}
	s := stats[0]
	report.Matched = s.Ready + s.Delayed + s.Waiting + s.Parked
	report.Remaining = report.Matched
	entry := runtime.AuditEntry{At: time.Now().UTC(), Action: runtime.AuditPurge, Subject: queue, Queue: queue, By: by, Reason: reason}
	if err := b.Audits.Append(ctx, []runtime.AuditEntry{entry}); err != nil {
		return report, fmt.Errorf("write the audit: %w", err)
	}
	q := runtime.TaskQuery{Queue: queue, Places: waitingPlaces, Limit: 1000}
	for {
		page, next, err := b.Queues.List(ctx, q)
		if err != nil {
			return report, err
		}
		orders := make([]runtime.Revocation, len(page))
		for i, t := range page {
			orders[i] = runtime.Revocation{TaskID: t.ID, Reason: runtime.ReasonPurged, By: by}
		}
		results, err := b.Broker.Cancel(ctx, orders)
		if err != nil {
			return report, err
		}
		for _, r := range results {
			if r.Ended {
				report.Done++
			}
		}
		report.Remaining = max(0, report.Matched-report.Done)
		progress(report)
		if next == "" {
			return report, ctx.Err()
		}
		q.Cursor = next
	}
}
