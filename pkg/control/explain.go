package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Cause is a kind of reason why a task is where it is. Causes are stable; they
// appear in JSON.
type Cause string

// The causes.
const (
	CauseEnded       Cause = "ended"        // it is over
	CauseRunning     Cause = "running"      // a worker has it
	CauseRevoked     Cause = "revoked"      // it is ordered to end
	CauseNotDue      Cause = "not-due"      // its time has not come
	CausePaused      Cause = "paused"       // an operator paused its queue
	CauseNoWorker    Cause = "no-worker"    // no live worker serves its queue
	CauseUnknownName Cause = "unknown-name" // live workers serve the queue, none knows the name
	CauseParked      Cause = "parked"       // a worker that did not know it put it aside
	CauseLimit       Cause = "limit"        // it waits for a slot of a limit
	CauseBacklog     Cause = "backlog"      // others are served before it
	CauseUniqueOwner Cause = "unique-owner" // another task owns its unique key
	CauseNext        Cause = "next"         // nothing is in its way
)

// Reason is one answer, as a sentence with the facts that it was made of.
//
//   - Ahead and Estimate belong to CauseBacklog: tasks before it and the time
//     they take at the present rate (0: unknown).
//   - Position, Key and Holders belong to CauseLimit.
type Reason struct {
	Cause    Cause
	Text     string
	Hint     string
	Key      string
	Position int64
	Holders  []runtime.SlotHolder
	Ahead    int64
	Estimate time.Duration
	Owner    string
	By       string
	Until    time.Time
}

// Explanation is why a task is where it is, the first reason being the one that
// matters most.
type Explanation struct {
	Task    runtime.TaskRecord
	Reasons []Reason
}

// facts is all that a reason may be made of.
type facts struct {
	where   runtime.Location
	workers []runtime.Heartbeat
	pause   *runtime.Directive
	now     time.Time
}

// Explain tells why the task does not run, or what became of it.
//
//   - Errors: ErrNotFound; ErrUnavailable.
//   - It reads several ports one after the other: what changes meanwhile may
//     show up in one and not in another.
func Explain(ctx context.Context, b *runtime.Backend, id string, now time.Time) (Explanation, error) {
	where, err := b.Queues.Locate(ctx, id)
	if err != nil {
		return Explanation{}, err
	}
	f := facts{where: where, now: now}
	if f.workers, err = b.Heartbeats.List(ctx); err != nil {
		return Explanation{}, fmt.Errorf("list workers: %w", err)
	}
	if f.pause, err = pauseOf(ctx, b.Directives, where.Task.Queue, now); err != nil {
		return Explanation{}, fmt.Errorf("read directives: %w", err)
	}
	return Explanation{Task: where.Task, Reasons: f.reasons()}, nil
}

// pauseOf returns the pause of a queue that is in force, or nil.
func pauseOf(ctx context.Context, d runtime.Directives, queue string, now time.Time) (*runtime.Directive, error) {
	all, err := d.Since(ctx, 0)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		expired := !x.Expires.IsZero() && !x.Expires.After(now)
		if x.Kind == runtime.DirectivePause && x.Subject == queue && !x.Lifted && !expired {
			return &x, nil
		}
	}
	return nil, nil
}

// reasons asks each question in the order in which they matter.
func (f facts) reasons() []Reason {
	if f.where.Task.State.Terminal() {
		return compact(f.ended(), f.uniqueOwner())
	}
	if f.where.Task.Place == runtime.PlaceLeased {
		return compact(f.revoked(), f.running())
	}
	found := compact(f.revoked(), f.notDue(), f.parked(), f.limited(), f.paused(), f.noWorker(), f.unknownName(), f.backlog())
	if len(found) == 0 {
		found = []Reason{{Cause: CauseNext, Text: "nothing is in its way: the next free worker takes it"}}
	}
	return found
}

func compact(all ...*Reason) []Reason {
	var out []Reason
	for _, r := range all {
		if r != nil {
			out = append(out, *r)
		}
	}
	return out
}

func (f facts) ended() *Reason {
	t := f.where.Task
	r := &Reason{Cause: CauseEnded, Text: "it " + string(t.State)}
	switch t.State {
	case runtime.StateCancelled:
		r.Text = "it was cancelled"
	case runtime.StateFailed:
		r.Hint = "replay it: stem dlq replay " + t.ID
		if t.Reason == runtime.ReasonPoison {
			r.Hint = fmt.Sprintf("%d workers died with it; find out why before: stem dlq replay %s", t.Losses, t.ID)
		}
	}
	if t.Reason != "" {
		r.Text += ": " + t.Reason
	}
	if t.Error != "" {
		r.Text += " (" + t.Error + ")"
	}
	return r
}

func (f facts) uniqueOwner() *Reason {
	if f.where.Owner == "" {
		return nil
	}
	return &Reason{
		Cause: CauseUniqueOwner, Owner: f.where.Owner, Key: f.where.Task.UniqueKey,
		Text: fmt.Sprintf("task %s owns its unique key %q now: a replay is refused until that one ends", f.where.Owner, f.where.Task.UniqueKey),
	}
}

func (f facts) revoked() *Reason {
	if f.where.Revoked == nil {
		return nil
	}
	text := "it was cancelled by " + orSomebody(f.where.Revoked.By)
	if f.where.Task.Place == runtime.PlaceLeased && !f.where.Revoked.Terminate {
		text += "; the running attempt may finish"
	}
	return &Reason{Cause: CauseRevoked, By: f.where.Revoked.By, Text: text}
}

func (f facts) running() *Reason {
	t := f.where.Task
	return &Reason{Cause: CauseRunning, Text: fmt.Sprintf("worker %s took it %s ago (attempt %d)", t.Worker, round(f.now.Sub(t.StartedAt)), t.Attempt+1)}
}

func (f facts) notDue() *Reason {
	t := f.where.Task
	if t.Place != runtime.PlaceDelayed {
		return nil
	}
	why := "it is not due yet"
	if t.State == runtime.StateRetried {
		why = fmt.Sprintf("attempt %d failed and it waits for its retry", t.Attempt)
	}
	if t.LimitKey != "" {
		why = "the rate " + t.LimitKey + " is used up and its turn is booked"
	}
	return &Reason{Cause: CauseNotDue, Until: t.DueAt, Key: t.LimitKey, Text: fmt.Sprintf("%s: due in %s", why, round(t.DueAt.Sub(f.now)))}
}

func (f facts) parked() *Reason {
	if f.where.Task.Place != runtime.PlaceParked {
		return nil
	}
	return &Reason{
		Cause: CauseParked,
		Text:  fmt.Sprintf("it is parked (%s): a worker that took it does not know the task %q", f.where.Task.Reason, f.where.Task.Name),
		Hint:  "start a worker that knows it; it goes back by itself",
	}
}

func (f facts) limited() *Reason {
	if f.where.Task.Place != runtime.PlaceWaiting {
		return nil
	}
	r := &Reason{Cause: CauseLimit, Key: f.where.Task.LimitKey, Position: f.where.Position, Holders: f.where.Holders}
	r.Text = fmt.Sprintf("it waits for a slot of %s: number %d in line", r.Key, r.Position)
	if len(r.Holders) > 0 {
		r.Text += fmt.Sprintf("; %s on %s has had one for %s", r.Holders[0].TaskID, r.Holders[0].Worker, round(f.now.Sub(r.Holders[0].Since)))
	}
	return r
}

func (f facts) paused() *Reason {
	if f.pause == nil {
		return nil
	}
	text := fmt.Sprintf("queue %s was paused by %s", f.pause.Subject, orSomebody(f.pause.By))
	if f.pause.Reason != "" {
		text += ": " + f.pause.Reason
	}
	return &Reason{Cause: CausePaused, By: f.pause.By, Until: f.pause.Expires, Text: text}
}

// servers are the live workers that serve the task's queue and go on doing so.
func (f facts) servers() []runtime.Heartbeat {
	var out []runtime.Heartbeat
	for _, w := range f.workers {
		if w.State != "draining" && slices.Contains(w.Queues, f.where.Task.Queue) {
			out = append(out, w)
		}
	}
	return out
}

func (f facts) noWorker() *Reason {
	if len(f.servers()) > 0 {
		return nil
	}
	queue := f.where.Task.Queue
	text := "no live worker serves queue " + queue
	if len(f.workers) == 0 {
		text = "no worker is running"
	}
	return &Reason{Cause: CauseNoWorker, Text: text, Hint: "start one: stem worker --queues " + queue}
}

func (f facts) unknownName() *Reason {
	servers := f.servers()
	if len(servers) == 0 || f.where.Task.Place == runtime.PlaceParked {
		return nil // said already
	}
	names := make([]string, len(servers))
	for i, w := range servers {
		if slices.Contains(w.Tasks, f.where.Task.Name) {
			return nil
		}
		names[i] = w.WorkerID
	}
	return &Reason{
		Cause: CauseUnknownName,
		Text:  fmt.Sprintf("no live worker of queue %s knows the task %q (asked: %s)", f.where.Task.Queue, f.where.Task.Name, strings.Join(names, ", ")),
		Hint:  "declare it in the worker's stem.yaml or register it in its program",
	}
}

func (f facts) backlog() *Reason {
	if f.where.Task.Place != runtime.PlaceReady || f.where.Ahead == 0 {
		return nil
	}
	r := &Reason{Cause: CauseBacklog, Ahead: f.where.Ahead, Text: fmt.Sprintf("%d tasks are before it in queue %s", f.where.Ahead, f.where.Task.Queue)}
	var rate float64
	for _, w := range f.servers() {
		rate += w.Rates[f.where.Task.Queue]
	}
	if rate > 0 {
		r.Estimate = time.Duration(float64(r.Ahead) / rate * float64(time.Second))
		r.Text += fmt.Sprintf("; at %.1f a second its turn comes in about %s", rate, round(r.Estimate))
	}
	return r
}

func orSomebody(by string) string {
	if by == "" {
		return "somebody"
	}
	return by
}

// round keeps the digits that a person reads.
func round(d time.Duration) string {
	switch {
	case d < 0:
		d = 0
	case d > time.Minute:
		d = d.Round(time.Second)
	case d > time.Second:
		d = d.Round(100 * time.Millisecond)
	default:
		d = d.Round(time.Millisecond)
	}
	return runtime.FormatDuration(d)
}
