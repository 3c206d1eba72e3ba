package memory

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// limit is a rate, a number of slots, or both, under one key.
type limit struct {
	key      string
	declared runtime.LimitUse  // what a task said last
	override *runtime.LimitUse // what an operator said
	tat      time.Time         // the rate's theoretical arrival time
	holders  map[*task]time.Time
	waiting  list
	timer    int // in store.rates
}

// limitOf returns the limit of a use that takes something of it.
func (s *store) limitOf(u runtime.LimitUse) *limit {
	l := s.limits[u.Key]
	if l == nil {
		l = &limit{key: u.Key, holders: map[*task]time.Time{}}
		s.limits[u.Key] = l
	}
	l.declared = u
	return l
}

// numbers are those that hold for a use: the operator's, if there are any.
func (s *store) numbers(u runtime.LimitUse) runtime.LimitUse { return s.limits[u.Key].numbers(u) }

func (l *limit) numbers(u runtime.LimitUse) runtime.LimitUse {
	if l != nil && l.override != nil {
		return *l.override
	}
	return u
}

func (l *limit) holds(t *task) bool {
	if l == nil {
		return false
	}
	_, ok := l.holders[t]
	return ok
}

// isFull reports whether l has no slot for t.
func (l *limit) isFull(u runtime.LimitUse, t *task) bool {
	n := l.numbers(u).Slots
	return n > 0 && !l.holds(t) && len(l.holders) >= n
}

func (l *limit) take(t *task, now time.Time) {
	if !l.holds(t) {
		l.holders[t] = now
		t.slots = append(t.slots, l)
	}
}

// idle reports whether forgetting l would change nothing.
func (l *limit) idle(now time.Time) bool {
	return l.override == nil && len(l.holders) == 0 && l.waiting.n == 0 && passed(l.tat, now)
}

// tidy forgets l when that changes nothing.
func (s *store) tidy(l *limit) {
	if l.idle(s.now) {
		s.rates.remove(l)
		delete(s.limits, l.key)
	}
}

// restRate is called when the tokens of l have all come back.
func (s *store) restRate(l *limit) {
	s.rates.remove(l)
	s.tidy(l)
}

// The rate is the generic cell rate algorithm with a burst of Rate: tokens come
// every Per/Rate, and tat is when the last of those given away has come. A token
// may be taken up to Rate-1 steps ahead of that.

// free returns when the next token may be taken; it can be in the past.
func (l *limit) free(n runtime.LimitUse) time.Time {
	if n.Rate <= 0 {
		return time.Time{}
	}
	return l.tat.Add(-step(n) * time.Duration(n.Rate-1))
}

func step(n runtime.LimitUse) time.Duration { return n.Per / time.Duration(n.Rate) }

// book takes one token from every rate that t uses. When one of them has none
// left now, it returns the slowest and when its token, taken in advance, comes.
func (s *store) book(t *task) (slowest *limit, until time.Time) {
	until = s.now
	var booked []*limit
	for _, u := range t.uses {
		n := s.numbers(u)
		if n.Rate <= 0 || n.Per <= 0 {
			continue
		}
		l := s.limitOf(u)
		if slices.Contains(booked, l) {
			continue // named twice, paid once
		}
		booked = append(booked, l)
		if free := l.free(n); free.After(until) {
			slowest, until = l, free
		}
		s.rates.remove(l)
		l.tat = later(l.tat, s.now).Add(step(n))
		s.rates.push(l)
	}
	return slowest, until
}

// Set replaces the numbers of limits, or removes the replacement.
func (p limits) Set(ctx context.Context, ls []runtime.LimitUse) error {
	for _, u := range ls {
		if u.Key == "" || u.Rate < 0 || u.Slots < 0 || u.Per < 0 || u.Rate > 0 && u.Per == 0 {
			return runtime.Errorf(runtime.CodeInvalid, "limit "+u.Key+" has no key, a negative number or a rate without a period")
		}
	}
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.exit()
	for _, u := range ls {
		p.set(u)
	}
	return nil
}

func (s *store) set(u runtime.LimitUse) {
	l := s.limits[u.Key]
	if l == nil {
		l = s.limitOf(runtime.LimitUse{Key: u.Key})
	}
	l.override = &u
	if u.Rate == 0 && u.Slots == 0 {
		l.override = nil
	}
	s.serve(l) // there may be more slots than before
}

// View returns the limits in use or overridden.
func (p limits) View(ctx context.Context, prefix string) ([]runtime.LimitView, error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	var out []runtime.LimitView
	for key, l := range p.store.limits {
		if !strings.HasPrefix(key, prefix) || l.idle(p.now) {
			continue
		}
		n := l.numbers(l.declared)
		v := runtime.LimitView{Limit: n, Overridden: l.override != nil, Holders: l.holderList(), Waiting: int64(l.waiting.n)}
		if free := l.free(n); free.After(p.now) {
			v.NextFree = free
		}
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Limit.Key < out[j].Limit.Key })
	return out, nil
}

// holderList returns who occupies the slots, longest first.
func (l *limit) holderList() []runtime.SlotHolder {
	var out []runtime.SlotHolder
	for t, since := range l.holders {
		out = append(out, runtime.SlotHolder{TaskID: t.ID, Worker: t.Worker, Since: since})
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if !a.Since.Equal(b.Since) {
			return a.Since.Before(b.Since)
		}
		return a.TaskID < b.TaskID
	})
	return out
}
