package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestWindowGrowsWhenDryAndShrinksWhenSlow(t *testing.T) {
	w := newWindow(0)
	w.dry()
	w.fetched(10, 9)  // the store had no more
	w.fetched(10, 10) // slots did not run dry
	if w.size != 0 {
		t.Errorf("window is %d", w.size)
	}
	for range 20 {
		w.dry()
		w.fetched(10, 10)
	}
	if w.size != maxWindow {
		t.Errorf("window is %d", w.size)
	}
	w.waited(time.Second)
	w.waited(time.Second) // once for each fetch
	if w.size != maxWindow/2 {
		t.Errorf("window is %d after a long wait", w.size)
	}
	for range 20 {
		w.fetched(10, 0)
		w.waited(time.Second)
	}
	if w.size != 0 {
		t.Errorf("window is %d after many long waits", w.size)
	}
}

func TestWindowThatWasSetStays(t *testing.T) {
	for _, c := range []struct{ prefetch, want int }{{7, 7}, {-1, 0}} {
		w := newWindow(c.prefetch)
		w.dry()
		w.fetched(1, 1)
		w.waited(time.Hour)
		if w.size != c.want {
			t.Errorf("window of %d is %d", c.prefetch, w.size)
		}
	}
}

func TestRatesAreOfTheLastMinute(t *testing.T) {
	var r rates
	if got := r.perSecond(time.Unix(1000, 0)); got != nil {
		t.Errorf("before anything: %v", got)
	}
	at := time.Unix(1000, 0)
	for i := range 600 {
		r.count("a", at.Add(time.Duration(i)*100*time.Millisecond)) // ten a second
	}
	near := func(queue string, now time.Time, want float64) {
		t.Helper()
		if got := r.perSecond(now)[queue]; math.Abs(got-want) > want/8 {
			t.Errorf("%s: %.2f a second, want %.2f", queue, got, want)
		}
	}
	near("a", at.Add(time.Minute), 10)
	near("a", at.Add(90*time.Second), 5)
	r.count("b", at.Add(90*time.Second))
	near("b", at.Add(90*time.Second), 1.0/60)
	if got := r.perSecond(at.Add(time.Hour)); len(got) != 0 {
		t.Errorf("an hour later: %v", got)
	}

	var young rates
	for range 20 {
		young.count("a", at)
	}
	if got := young.perSecond(at.Add(2 * time.Second))["a"]; got != 10 {
		t.Errorf("after two seconds: %v", got)
	}
}

func TestErrorTypeIsWhatItIsNotHowItWasWrapped(t *testing.T) {
	_, notExist := fs.Stat(emptyFS{}, "x")
	cases := map[string]error{
		"errors.errorString": runtime.Permanent(fmt.Errorf("a: %w", errors.New("b"))),
		"fs.PathError":       fmt.Errorf("open: %w", notExist),
		"timeout":            hardLimitError(time.Second),
		"panic":              panicked("x"),
		"decode-error":       &decodeError{runtime.Errorf(runtime.CodeFull, "x")},
		"runtime.RetryError": &runtime.RetryError{},
	}
	for want, err := range cases {
		if got := read(err, runtime.RetryPolicy{}).kind(); got != want {
			t.Errorf("%v is a %s, want %s", err, got, want)
		}
	}
}

type emptyFS struct{}

func (emptyFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func TestOneLine(t *testing.T) {
	cases := map[string]string{
		"plain":                  "plain",
		"two\nlines\r\n":         "two lines",
		"\x1b[31mred\x07":        "[31mred",
		"bad \xff utf8":          "bad \uFFFD utf8",
		strings.Repeat("ä", 200): strings.Repeat("ä", 150),
	}
	for in, want := range cases {
		if got := oneLine(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestRestBetweenChores(t *testing.T) {
	now := time.Unix(1000, 0)
	s := &shift{Worker: &Worker{o: Options{Clock: func() time.Time { return now }}}}
	cases := []struct {
		name     string
		r        runtime.Recovered
		before   time.Duration
		min, max time.Duration
	}{
		{"more", runtime.Recovered{More: true}, 0, 0, 0},
		{"nothing due", runtime.Recovered{}, 0, longestRest * 3 / 4, longestRest},
		{"due soon", runtime.Recovered{NextDue: now.Add(80 * time.Millisecond)}, 0, 80 * time.Millisecond, 80 * time.Millisecond},
		{"due late", runtime.Recovered{NextDue: now.Add(time.Hour)}, 0, longestRest * 3 / 4, longestRest},
		{"clock ahead", runtime.Recovered{NextDue: now.Add(-time.Hour)}, 0, shortestRest, shortestRest},
		{"clock ahead, again", runtime.Recovered{NextDue: now.Add(-time.Hour)}, 40 * time.Millisecond, 80 * time.Millisecond, 80 * time.Millisecond},
		{"clock far ahead", runtime.Recovered{NextDue: now.Add(-time.Hour)}, time.Minute, longestRest * 3 / 4, longestRest},
	}
	for _, c := range cases {
		if got := s.rest(c.r, c.before); got < c.min || got > c.max {
			t.Errorf("%s: rest is %s, want %s to %s", c.name, got, c.min, c.max)
		}
	}
}

// W35: two leases of one task in one worker are told apart by their fences.
func TestLeasesOfOneTaskAreToldApart(t *testing.T) {
	older, newer := &job{}, &job{}
	older.Lease = runtime.Lease{TaskID: "x", Fence: 1}
	newer.Lease = runtime.Lease{TaskID: "x", Fence: 2}
	if find([]*job{newer, older}, older.Lease) != older || find([]*job{older, newer}, newer.Lease) != newer {
		t.Error("one was taken for the other")
	}
	if find([]*job{older}, newer.Lease) != nil {
		t.Error("one was taken for the other")
	}
}

// Judging calls nothing that could panic. Should it all the same, the task ends
// and the process does not.
func TestAPanicWhileJudgingEndsTheTask(t *testing.T) {
	s := &shift{Worker: &Worker{}, log: slog.New(slog.DiscardHandler)}
	j := &job{} // without a plan
	j.Envelope, j.ctx = &runtime.Envelope{}, t.Context()
	e := s.verdict(j, nil, errors.New("broken"))
	if e.outcome != runtime.Dead || e.reason != runtime.ReasonPanic || e.record.Error.Stack == "" {
		t.Errorf("ending is %+v", e)
	}
}

func TestPausesThatHaveExpiredAreNotFresh(t *testing.T) {
	now := time.Unix(1000, 0)
	pause := func(queue string, expires time.Time) runtime.Directive {
		return runtime.Directive{Kind: runtime.DirectivePause, Subject: queue, Expires: expires, Version: 7}
	}
	var p pauses
	fresh := p.apply([]runtime.Directive{pause("over", now), pause("on", now.Add(1)), pause("open", time.Time{})}, now)
	if !slices.Equal(fresh, []string{"on", "open"}) || !slices.Equal(p.names(), fresh) || p.version() != 7 {
		t.Errorf("fresh %v, paused %v, version %d", fresh, p.names(), p.version())
	}
	if fresh := p.apply([]runtime.Directive{pause("open", now)}, now); len(fresh) > 0 || !slices.Equal(p.names(), []string{"on"}) {
		t.Errorf("after one was shortened: fresh %v, paused %v", fresh, p.names())
	}
}
