package drivertest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// contents is everything a store shows, as text, one line for each thing. It
// leaves out what drivers may word or order as they like: the text of errors
// that the store itself writes, and the order of what ended at the same time.
func (s *side) contents() string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	b := s.opens[len(s.opens)-1]

	tasks, _, err := b.Queues.List(s.ctx, runtime.TaskQuery{Limit: 1000})
	s.failed("list", err)
	var callbacks []string
	for _, r := range tasks {
		if r.Queue == callbackQueue {
			callbacks = append(callbacks, "callback "+taskLine(&r))
			continue
		}
		add("task %s", taskLine(&r))
	}
	out = append(out, sorted(callbacks)...)
	out = append(out, s.endedLines(b)...)
	out = append(out, s.statLines(b, tasks)...)
	limits, err := b.Limits.View(s.ctx, "")
	s.failed("view limits", err)
	for _, v := range limits {
		if v.Overridden || len(v.Holders) > 0 || v.Waiting > 0 || !v.NextFree.IsZero() {
			var holders []string
			for _, h := range v.Holders {
				holders = append(holders, h.TaskID)
			}
			add("limit %s overridden %v holders %v waiting %d free %s", v.Limit.Key, v.Overridden, sorted(holders), v.Waiting, clockTime(v.NextFree))
		}
	}
	for i := range propertyGroup {
		g, err := b.Results.Group(s.ctx, fmt.Sprint("g", i), 0, groupSize)
		if err == nil {
			add("group %s %d of %d succeeded, %d failed, %d cancelled, closed %v at %s", g.ID, g.Succeeded, g.Size, g.Failed, g.Cancelled, g.Closed, clockTime(g.ClosedAt))
		} else if runtime.CodeOf(err) != runtime.CodeNotFound {
			s.failed("read a group", err)
		}
	}
	return strings.Join(out, "\n")
}

// endedLines are the records of ended tasks with their bodies, by time and id.
func (s *side) endedLines(b *runtime.Backend) []string {
	ended, _, err := b.Results.List(s.ctx, runtime.TaskQuery{Limit: 1000})
	s.failed("list results", err)
	if !slices.IsSortedFunc(ended, func(x, y runtime.TaskRecord) int { return y.FinishedAt.Compare(x.FinishedAt) }) {
		s.failed("list results", fmt.Errorf("not newest first"))
	}
	full, err := b.Results.Get(s.ctx, recordIDs(ended))
	s.failed("get results", err)
	var out []string
	for _, r := range full {
		out = append(out, fmt.Sprintf("ended %s body %q", taskLine(&r), r.Body))
	}
	return sorted(out)
}

// statLines are the numbers of the queues. The tasks that were listed are
// counted against them.
func (s *side) statLines(b *runtime.Backend, tasks []runtime.TaskRecord) []string {
	stats, err := b.Queues.Stats(s.ctx, append(propertyQueues, callbackQueue))
	s.failed("stats", err)
	var out []string
	for _, st := range stats {
		counted := runtime.QueueStat{}
		for _, r := range tasks {
			if r.Queue == st.Queue {
				s.failed("books", count(&counted, r))
			}
		}
		if present(st) != present(counted) {
			s.failed("books", fmt.Errorf("queue %s says %+v; a count of its tasks says %+v", st.Queue, present(st), present(counted)))
		}
		st.OldestReady = time.Time{}
		out = append(out, fmt.Sprintf("queue %+v", st))
	}
	return out
}

// taskLine shows what a record must say in every driver.
func taskLine(r *runtime.TaskRecord) string {
	out := fmt.Sprintf("%s %s %s %s in %s priority %d attempt %d deliveries %d losses %d reason %q group %q key %q percent %v enqueued %s",
		r.ID, r.Name, r.Queue, r.State, r.Place, r.Priority, r.Attempt, r.Deliveries, r.Losses, r.Reason, r.Group, r.UniqueKey,
		r.Percent, clockTime(r.EnqueuedAt))
	switch r.Place {
	case runtime.PlaceDelayed:
		out += " due " + clockTime(r.DueAt)
	case runtime.PlaceWaiting:
		out += " waits for " + r.LimitKey
	case runtime.PlaceLeased:
		out += " held by " + r.Worker + " since " + clockTime(r.StartedAt)
	case runtime.PlaceDead:
		out += " finished " + clockTime(r.FinishedAt)
	case runtime.PlaceDone:
		out += " finished " + clockTime(r.FinishedAt) + " kept until " + clockTime(r.KeepUntil)
	}
	if r.Reason == runtime.ReasonPermanent || r.Reason == runtime.ReasonUnknown {
		out += fmt.Sprintf(" error %q", r.Error)
	}
	return out
}

// clockTime is short enough for a line of many.
func clockTime(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("02T15:04:05.999")
}
