package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// place is where a task is, as it is stored. The numbers are for good: they are
// in files.
type place int64

const (
	placeReady   place = 1
	placeDelayed place = 2
	placeWaiting place = 3
	placeParked  place = 4
	placeLeased  place = 5
	placeDead    place = 6
	placeDone    place = 7
)

var placeNames = []runtime.Place{
	placeReady: runtime.PlaceReady, placeDelayed: runtime.PlaceDelayed, placeWaiting: runtime.PlaceWaiting,
	placeParked: runtime.PlaceParked, placeLeased: runtime.PlaceLeased, placeDead: runtime.PlaceDead, placeDone: runtime.PlaceDone,
}

// stateNames are the states by their stored numbers, which are for good, too.
var stateNames = []runtime.State{
	1: runtime.StateQueued, 2: runtime.StateRunning, 3: runtime.StateRetried,
	4: runtime.StateSucceeded, 5: runtime.StateFailed, 6: runtime.StateCancelled,
}

func placeName(n int64) runtime.Place { return nameOf(placeNames, n) }

func stateName(n int64) runtime.State { return nameOf(stateNames, n) }

func nameOf[T ~string](names []T, n int64) T {
	if n < 0 || n >= int64(len(names)) {
		return T(fmt.Sprintf("unknown-%d", n)) // written by a newer version
	}
	return names[n]
}

func placeNumber(p runtime.Place) int { return slices.Index(placeNames, p) }

func stateNumber(s runtime.State) int { return slices.Index(stateNames, s) }

// flags tell what the end of a task has to look after besides its row.
type flags int64

const (
	flagGroup   flags = 1 << iota // it is counted in a group
	flagUnique                    // it owns a unique key
	flagSlots                     // it holds slots of limits
	flagRevoked                   // its end has been ordered
	flagAcked                     // acknowledged early: a crash fails it
	flagStarted                   // known to have begun in this hand-out
	flagPaid                      // its rates are booked
	flagDetails                   // it has a row in stem_details
)

// sqlText returns a statement with the words for places and states (#ready,
// #queued) replaced by their numbers. The numbers cannot be parameters: SQLite
// uses a partial index only for a statement that spells out its condition.
func sqlText(statement string) string { return words.Replace(statement) }

var words = strings.NewReplacer(wordNumbers()...)

func wordNumbers() []string {
	var pairs []string
	for n, p := range placeNames[1:] {
		pairs = append(pairs, "#"+string(p), fmt.Sprint(n+1))
	}
	for n, s := range stateNames[1:] {
		pairs = append(pairs, "#"+string(s), fmt.Sprint(n+1))
	}
	return pairs
}
