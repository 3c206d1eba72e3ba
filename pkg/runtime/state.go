package runtime

// State is what a task has become, as its record shows it. The names are those
// on the wire.
type State string

// The states. A dead letter is failed; a task that waits for its next attempt
// is retried.
const (
	StateQueued    State = "queued"
	StateRunning   State = "running"
	StateRetried   State = "retried"
	StateSucceeded State = "succeeded"
	StateFailed    State = "failed"
	StateCancelled State = "cancelled"
)

// States lists every state in the order a reader expects.
var States = []State{StateQueued, StateRunning, StateRetried, StateSucceeded, StateFailed, StateCancelled}

// Terminal reports whether s is an end: nothing but an operator's replay of a
// dead letter leaves it.
func (s State) Terminal() bool {
	return s == StateSucceeded || s == StateFailed || s == StateCancelled
}

// legal holds every transition there is. Running to queued is a release or a
// reclaim after a crash; failed to queued is a replay.
var legal = map[State][]State{
	"":             {StateQueued},
	StateQueued:    {StateRunning, StateFailed, StateCancelled},
	StateRunning:   {StateSucceeded, StateFailed, StateCancelled, StateRetried, StateQueued},
	StateRetried:   {StateRunning, StateFailed, StateCancelled},
	StateFailed:    {StateQueued},
	StateSucceeded: nil,
	StateCancelled: nil,
}

// CanBecome reports whether a task may go from state s to next; s "" means that
// the task does not exist yet.
func (s State) CanBecome(next State) bool {
	for _, to := range legal[s] {
		if to == next {
			return true
		}
	}
	return false
}

// Place is where the store keeps a task at the moment. State is for people who
// ask what happened, Place for those who ask why nothing does.
type Place string

// The places.
const (
	PlaceReady   Place = "ready"   // may be handed out now
	PlaceDelayed Place = "delayed" // waits for its due time (delay, retry, booked rate)
	PlaceWaiting Place = "waiting" // waits for a slot of a limit
	PlaceParked  Place = "parked"  // waits for a worker that knows its name
	PlaceLeased  Place = "leased"  // in a worker's hands
	PlaceDead    Place = "dead"    // a dead letter
	PlaceDone    Place = "done"    // ended; the record is kept for a while
)

// Places lists every place.
var Places = []Place{PlaceReady, PlaceDelayed, PlaceWaiting, PlaceParked, PlaceLeased, PlaceDead, PlaceDone}

// Outcome is how a worker hands a delivery back.
type Outcome uint8

// The outcomes. Acknowledged is the early acknowledgement of a task that asked
// for it (at most once): the lease stays, but a crash will fail the task
// instead of running it again.
const (
	Succeeded Outcome = iota + 1
	Retried
	Dead
	Cancelled
	Released
	Parked
	Acknowledged
)

// State returns what the task becomes by this outcome.
func (o Outcome) State() State {
	switch o {
	case Succeeded:
		return StateSucceeded
	case Retried:
		return StateRetried
	case Dead:
		return StateFailed
	case Cancelled:
		return StateCancelled
	case Acknowledged:
		return StateRunning
	}
	return StateQueued
}

// Terminal reports whether the outcome ends the task.
func (o Outcome) Terminal() bool { return o == Succeeded || o == Dead || o == Cancelled }

// String returns the outcome's name.
func (o Outcome) String() string {
	names := [...]string{"none", "succeeded", "retried", "dead", "cancelled", "released", "parked", "acknowledged"}
	if int(o) < len(names) {
		return names[o]
	}
	return "unknown"
}

// Reasons why a task ended in the dead letters, was cancelled or is parked.
// They are stable: filters and dashboards group by them.
const (
	ReasonExhausted  = "max-retries-exhausted"
	ReasonPermanent  = "permanent-error"
	ReasonTimeout    = "hard-limit"
	ReasonPanic      = "panic"
	ReasonPoison     = "poison"           // its workers died too often
	ReasonWorkerLost = "worker-lost"      // acknowledged early, then the worker died
	ReasonDecode     = "decode-error"     // the envelope or its arguments cannot be read
	ReasonTooLarge   = "result-too-large" // the handler's result is over the limit
	ReasonUnknown    = "unknown-task"     // parked: no live worker knows the name
	ReasonExpired    = "expired"
	ReasonRevoked    = "revoked"
	ReasonPurged     = "purged"
	ReasonReplaced   = "replaced" // a newer task took its unique key
)
