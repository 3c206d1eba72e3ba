package drivertest

import (
	"bufio"
	"os"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// story is what all processes together have written about one task.
type story struct {
	accepted bool
	begun    []string // by whom
	retried  int
	ended    []string
	lost     []string // by whom: told that the lease was over
}

// audit reads the logs of the processes, living and dead, and holds them
// against the store.
func (s *scene) audit() {
	s.Helper()
	stories, slow := s.read()
	e := s.env()
	records := s.records(e, stories)
	var accepted, unconfirmed, succeeded, dead, again int
	for id, r := range records {
		st := stories[id]
		if st == nil {
			st = &story{}
		}
		switch {
		case r.State == runtime.StateSucceeded:
			succeeded++
		case r.State == runtime.StateFailed:
			dead++
		default:
			s.Errorf("%s has not ended: %s in %s", id, r.State, r.Place)
		}
		if st.accepted {
			accepted++
		} else {
			unconfirmed++
		}
		if len(st.begun) > 1+st.retried {
			again++
		}
		s.check(id, r, st, slow)
		s.checkFollowUp(id, r, records)
	}
	for id, st := range stories {
		if st.accepted && records[id].State == "" {
			s.Errorf("%s was accepted and the store knows nothing of it", id)
		}
	}
	if accepted < 100 || again == 0 {
		s.Errorf("%d tasks, %d of them run again: that has tested nothing", accepted, again)
	}
	s.checkSlots(e)
	e.checkBooks()
	s.checkTotals(e, succeeded, dead, len(records))
	s.Logf("ledger: %d processes killed of %d; %d tasks accepted and %d whose producer did not live to hear it (or follow-ups); "+
		"%d succeeded, %d dead; %d ran again; all ended %s after the last kill",
		len(s.killed), s.starts, accepted, unconfirmed, succeeded, dead, again, s.drain.Round(time.Millisecond))
}

// read collects the logs. slow are processes that did not get to renew their
// leases in time.
func (s *scene) read() (stories map[string]*story, slow map[string]bool) {
	s.Helper()
	stories, slow = map[string]*story{}, map[string]bool{}
	names, err := os.ReadDir(s.dir)
	if err != nil {
		s.Fatal(err)
	}
	for _, n := range names {
		f, err := os.Open(s.log(strings.TrimSuffix(n.Name(), ".log")))
		if err != nil {
			s.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			s.line(strings.TrimSuffix(n.Name(), ".log"), lines.Text(), stories, slow)
		}
		_ = f.Close()
	}
	return stories, slow
}

func (s *scene) line(by, line string, stories map[string]*story, slow map[string]bool) {
	kind, rest, _ := strings.Cut(line, " ")
	id, more, _ := strings.Cut(rest, " ")
	switch kind {
	case "slow":
		slow[by] = true
		return
	case "error":
		s.Errorf("%s: %s", by, rest)
		return
	}
	st := stories[id]
	if st == nil {
		st = &story{}
		stories[id] = st
	}
	switch kind {
	case "accepted":
		st.accepted = true
	case "begin":
		st.begun = append(st.begun, by)
	case "retried":
		st.retried++
	case "ended":
		st.ended = append(st.ended, more)
	case "lost":
		st.lost = append(st.lost, by)
	}
}

// records is everything the store knows: all it lists, and all that was
// accepted.
func (s *scene) records(e *env, stories map[string]*story) map[string]runtime.TaskRecord {
	s.Helper()
	out := map[string]runtime.TaskRecord{}
	for _, r := range append(e.listed(runtime.TaskQuery{Limit: 1000}), e.ended(runtime.TaskQuery{Limit: 1000})...) {
		out[r.ID] = r
	}
	for id, st := range stories {
		if _, listed := out[id]; !listed && st.accepted {
			s.Errorf("%s was accepted and is in no list", id)
		}
	}
	return out
}

// check holds what the processes say about one task against what the store
// says, and asks that each run beyond the first has an excuse.
func (s *scene) check(id string, r runtime.TaskRecord, st *story, slow map[string]bool) {
	s.Helper()
	if len(st.ended) > 1 {
		s.Errorf("%s was ended %d times: %s", id, len(st.ended), strings.Join(st.ended, ", "))
	}
	if want := fateOf(id); r.Reason != runtime.ReasonPoison && want.dies != (r.State == runtime.StateFailed) {
		s.Errorf("%s is %s (%s); no worker has said so", id, r.State, r.Reason)
	}
	excused := 1 + st.retried
	for _, by := range st.begun {
		if s.killed[by] || slow[by] {
			excused++
		}
	}
	if len(st.begun) > excused {
		s.Errorf("%s ran %d times (%s); none of them was killed with it", id, len(st.begun), strings.Join(st.begun, ", "))
	}
	for _, by := range st.lost {
		if !slow[by] {
			s.Errorf("%s was taken from %s, which was alive and had renewed its leases", id, by)
		}
	}
	if len(st.ended) == 0 && r.Reason != runtime.ReasonPoison && !s.anyKilled(st.begun) {
		s.Errorf("%s is %s, and nobody has ended it", id, r.State)
	}
}

func (s *scene) anyKilled(names []string) bool {
	for _, n := range names {
		if s.killed[n] {
			return true
		}
	}
	return false
}

// checkFollowUp: what a task leaves behind exists if and only if it succeeded.
func (s *scene) checkFollowUp(id string, r runtime.TaskRecord, records map[string]runtime.TaskRecord) {
	s.Helper()
	_, exists := records[followUp(id)]
	want := fateOf(id).follows && r.State == runtime.StateSucceeded
	if exists != want {
		s.Errorf("%s is %s; its follow-up exists: %v, want %v", id, r.State, exists, want)
	}
}

// checkSlots: nobody is left to hold or to want a slot.
func (s *scene) checkSlots(e *env) {
	s.Helper()
	for _, v := range e.limits(crashSlots.Key) {
		if len(v.Holders) != 0 || v.Waiting != 0 {
			s.Errorf("everything has ended, and the limit is %+v", v)
		}
	}
}

// checkTotals: each end was counted once.
func (s *scene) checkTotals(e *env, succeeded, dead, all int) {
	s.Helper()
	st := e.stat(crashQueue)
	if st.Succeeded != int64(succeeded) || st.Failed != int64(dead) || st.Enqueued != int64(all) {
		s.Errorf("totals: %d enqueued, %d succeeded, %d failed; want %d, %d, %d", st.Enqueued, st.Succeeded, st.Failed, all, succeeded, dead)
	}
}
