package worker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	firstPause = 50 * time.Millisecond
	longPause  = 2 * time.Second
)

// outage paces the repetitions of a call that the store does not answer, and
// logs the beginning and the end of the trouble, not every try. While it lasts
// the worker is not ready.
type outage struct {
	log   *slog.Logger
	all   *outages
	what  string
	since time.Time
	pause time.Duration
}

func (s *shift) outage(what string) *outage {
	return &outage{log: s.log, all: &s.outages, what: what}
}

// wait notes a failure and waits before the next try, longer each time, with
// jitter so that a fleet does not return all at once. It reports false when
// ctx has ended.
func (o *outage) wait(ctx context.Context, err error) bool {
	if o.since.IsZero() {
		o.since, o.pause = time.Now(), firstPause
		o.log.Warn("store does not answer", "doing", o.what, "error", err)
	}
	o.all.set(o.what, err)
	t := time.NewTimer(o.pause - rand.N(o.pause/4))
	defer t.Stop()
	o.pause = min(2*o.pause, longPause)
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// over notes a success.
func (o *outage) over() {
	if !o.since.IsZero() {
		o.log.Info("store answers again", "doing", o.what, "after", time.Since(o.since).Round(time.Millisecond))
		o.all.set(o.what, nil)
		o.since = time.Time{}
	}
}

// outages are those that last. The zero value is ready.
type outages struct {
	mu   sync.Mutex
	last map[string]error // by what cannot be done
}

func (o *outages) set(what string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		delete(o.last, what)
		return
	}
	if o.last == nil {
		o.last = map[string]error{}
	}
	o.last[what] = err
}

// why says in one line what is wrong, or "".
func (o *outages) why() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for what, err := range o.last {
		return "cannot " + what + ": " + oneLine(err.Error())
	}
	return ""
}
