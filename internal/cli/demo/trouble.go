package demo

import (
	"errors"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Trouble is what a task goes through on purpose, so that the demo shows
// retries and dead letters too. It is decided by the task's place in the tree
// alone: the same tree has the same trouble every time.
type Trouble string

// The troubles. Stumble fails the first attempt; Fail fails for good, until the
// task is replayed from the dead letters.
const (
	NoTrouble Trouble = ""
	Stumble   Trouble = "stumble"
	Fail      Trouble = "fail"
)

const (
	failEvery    = 40
	stumbleEvery = 15
)

var (
	errFail    = errors.New("failed on purpose, as one of 40 tasks of the demo does, for a dead letter to look at; replayed, it succeeds")
	errStumble = errors.New("failed on purpose at its first attempt, as one of 15 tasks of the demo does; the retry succeeds")
)

// TroubleOf returns the trouble of task i of n. A tree of two directories or
// more has a dead letter, one of three or more a retry.
func TroubleOf(i, n int) Trouble {
	switch {
	case n > 1 && i%failEvery == min(failEvery, n)-1:
		return Fail
	case n > 2 && i%stumbleEvery == min(stumbleEvery, n-1)-1:
		return Stumble
	}
	return NoTrouble
}

// strike returns the failure that an attempt at t has to end with, or nil.
func (x Trouble) strike(t *runtime.Task) error {
	_, replayed := t.Headers[runtime.HeaderReplay]
	switch {
	case replayed:
		return nil
	case x == Fail:
		return runtime.Permanent(errFail)
	case x == Stumble && t.Attempt == 0:
		return errStumble
	}
	return nil
}
