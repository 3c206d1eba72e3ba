package runtime

import (
	"context"
	"time"
)

// Broker is the hot path: every task passes through it. All methods take many
// items, because one round trip for hundreds of tasks is what makes a store
// fast; the client and the worker group what is concurrent.
//
// Rules for all methods:
//
//   - Concurrency: safe from many goroutines and processes.
//   - Errors: a returned error means that nothing of the call is known to have
//     happened (ErrUnavailable: safe to repeat, all of them are idempotent).
//     What is wrong with one item is in that item's result.
//   - The store's clock decides about leases and due times.
//     When it is set back, leases and booked rates last for as long as they had
//     been given, from now on; a task that is due at a time stays so.
type Broker interface {
	// Publish stores tasks, each with its unique claim and its group membership,
	// in one step for the whole of e.
	//
	//   - Shapes: one result for each publication, in order. A task whose id the
	//     store knows, ended or not, answers Exists while its record lives.
	//   - Errors also: ErrInvalid, and nothing is stored, when a group of e cannot
	//     be opened.
	//   - Errors: ErrUnavailable, ErrFull (disk), ErrDenied; ctx.Err().
	Publish(ctx context.Context, e *Effects) ([]PublishResult, error)

	// Receive leases ready tasks: within a queue highest priority first, then in
	// the order they became known. A task keeps its place in that order for life:
	// neither delay nor retry, release, reclaim or replay send it to the end. It blocks up to r.Wait for the first and
	// returns what is there, at most r.Max over all queues together.
	//
	//   - Shapes: no deliveries and no error when the wait ended. An envelope that
	//     cannot be decoded comes with Err set and does not spoil the others.
	//   - The claim looks up revocations, expiry and the counts of hand-outs, so
	//     no worker can miss them. It does not charge an attempt.
	//   - Errors: ErrInvalid, ErrUnavailable; ctx.Err().
	Receive(ctx context.Context, r Receive) ([]Delivery, error)

	// Admit asks for the rates and slots of leased tasks before they run, and
	// marks suspects as started.
	//
	//   - A rate that is exceeded books its token and moves the task once to
	//     delayed; it comes back Booked and is not asked again. A full slot limit
	//     moves the task to the key's wait list; the step that frees a slot makes
	//     the next one ready. Either way the lease is gone.
	//   - All uses of one task are granted together or not at all: slots are taken
	//     first, and held while a rate is booked. A task that is ready and has its
	//     slot, but is not taken within SlotHold, because its queue is paused or
	//     nobody serves it, gives the slot to the next who waits and asks again
	//     when it is handed out. A booking survives Released, not
	//     Retried or a loss. A task that was revoked ends here, and is Lost.
	//   - Errors: ErrUnavailable; ctx.Err().
	Admit(ctx context.Context, c Consumer, as []Admission) ([]Verdict, error)

	// Extend renews the lease of everything that c holds by one write, to lease
	// from now, and tells what it no longer holds and what has been revoked.
	//
	//   - Shapes: held is what the worker believes to hold. A task with a
	//     visibility timeout of its own is renewed only when it is among it.
	//   - A lease never gets shorter by it, and ends when it is taken back, not by
	//     the mere passing of its time.
	//   - What c holds and held does not name is renewed as well, for as long as c
	//     renews anything. So a worker must Release what it can neither run nor
	//     settle: a task that it merely forgot would stay leased while it lives.
	//   - A lease whose own Until was asked for (Lease.Until set and longer than
	//     the renewal) is extended to that time.
	//   - Errors: ErrUnavailable; ctx.Err().
	Extend(ctx context.Context, c Consumer, held []Lease, lease time.Duration) (Extended, error)

	// Settle ends or returns leased tasks: for each, outcome, record, group
	// count, release of unique key and slots, and effects are one fenced step.
	//
	//   - A settlement repeated with the same fence and outcome, because the reply
	//     was lost, answers Repeated as long as the record lives.
	//   - A lease that is over answers LeaseLost and changes nothing.
	//   - Errors: ErrUnavailable, ErrFull; ctx.Err().
	Settle(ctx context.Context, c Consumer, ss []Settlement) ([]SettleResult, error)

	// Cancel ends tasks that nobody runs, here and now, and flags those in a
	// worker's hands; see [Revocation]. It writes an audit entry for each task
	// that was changed.
	//
	//   - Shapes: one result for each revocation. An unknown id is remembered
	//     until ExpiresAt, when that is set, and cancels the task as it appears.
	//   - Errors: ErrUnavailable; ctx.Err().
	Cancel(ctx context.Context, rs []Revocation) ([]CancelResult, error)

	// Recover does one bounded step of housekeeping: due tasks become ready,
	// leases of the dead are taken back, expired and poisonous tasks end, parked
	// tasks whose name is known go back, freed slots wake their waiters, group
	// deadlines pass, old records, messages, audit entries and directives go. Any process may call it at any time;
	// several at once do not harm each other.
	//
	//   - Shapes: at most r.Max items of each kind (0: 500); call again at once
	//     while More is set, otherwise at NextDue or after a wake-up.
	//   - Errors: ErrUnavailable; ctx.Err().
	Recover(ctx context.Context, r Recover) (Recovered, error)
}

// Consumer is one start of one worker. A restarted worker of the same name has
// a new Incarnation and does not own its predecessor's leases.
type Consumer struct{ Worker, Incarnation string }

// Receive asks for leases.
//
//   - Queues are served in strict order, or shared by Weight when any weight is
//     set: what a queue does not use goes to the others.
//   - Max is 1 to 1000: the free slots plus the prefetch.
//   - Lease is how long the consumer may be silent before its tasks go to
//     others; a task's own visibility timeout only shortens it.
//   - Wait 0 returns at once.
type Receive struct {
	Consumer Consumer
	Queues   []QueueShare
	Max      int
	Lease    time.Duration
	Wait     time.Duration
}

// QueueShare is a queue and its weight.
type QueueShare struct {
	Queue  string
	Weight int
}

// Lease is the right to run and settle one task.
//
//   - Receipt is the driver's own handle.
//   - Fence changes with each hand-out; the store refuses every other.
//   - Until is informative for the holder: the store decides.
type Lease struct {
	TaskID, Queue, Receipt string
	Fence                  uint64
	Until                  time.Time
}

// Delivery is a leased task.
//
//   - Raw is set, with Err, when the envelope cannot be decoded.
//   - Deliveries counts hand-outs, this one included; Losses counts the workers
//     that died with it. Neither is an attempt.
//   - Booked: its rate is paid; do not admit it again.
//   - Expired: its ExpiresAt had passed at the claim.
type Delivery struct {
	Lease      Lease
	Envelope   *Envelope
	Raw        []byte
	Err        error
	Deliveries int
	Losses     int
	Booked     bool
	Expired    bool
	Revoked    *Revocation
}

// LimitUse names a limit and what it allows.
//
//   - Key: "task:<name>", "group:<key>".
//   - Rate executions per Per (0: no rate), Slots executions at once (0: any).
//   - An operator's definition for the key (Limits.Set) replaces these numbers.
//   - Source: the rate is the generic cell rate algorithm (ATM Forum TM 4.0)
//     with a burst of Rate.
type LimitUse struct {
	Key      string
	Rate     int
	Per      time.Duration
	Slots    int
	FailOpen bool // for the worker: run when Admit fails
}

// Admission asks for the uses of one leased task.
//
// Started marks the task as begun, durably. A worker sets it for a delivery
// with Losses > 0: when the worker dies only tasks so marked are charged
// another loss, so that a poisonous task does not take its innocent
// neighbours, which were merely prefetched with it, into the dead letters.
type Admission struct {
	Lease   Lease
	Uses    []LimitUse
	Started bool
}

// Verdict is the answer to one admission. Exactly one of Run, Until, Key and
// Lost tells what happened.
type Verdict struct {
	Run   bool
	Until time.Time // rate: booked and moved to delayed until then
	Key   string    // slots: moved to this key's wait list
	Lost  bool      // the lease was over
}

// Extended is the answer to Extend.
type Extended struct {
	Until   time.Time
	Lost    []Lease      // settled, reclaimed or handed to another
	Revoked []Revocation // of tasks that are still held
}

// Settlement hands one leased task back.
//
//   - At: when it is due again, for Retried and Released; zero or past is now.
//     A released task keeps its place in the line.
//   - Next: for Retried the envelope with the next attempt; nil is as it was.
//   - Reason and Error: for Dead, Cancelled and Parked one of the Reason
//     constants, and one line about the error for lists and filters.
//   - Result is an encoded [Record], opaque to the driver; nil keeps the record
//     without a body. Keep is how long an ended record lives (0: DefaultKeep,
//     negative: it goes at once). Dead letters stay until replayed or purged.
//   - Effects may be nil.
type Settlement struct {
	Lease   Lease
	Outcome Outcome
	At      time.Time
	Next    *Envelope
	Reason  string
	Error   string
	Result  []byte
	Keep    time.Duration
	Effects *Effects
}

// SettleStatus is the fate of one settlement.
type SettleStatus uint8

// The fates. Refused: Err says why and the lease is still held; whoever cannot
// settle the task otherwise must Release it.
const (
	Settled SettleStatus = iota + 1
	Repeated
	LeaseLost
	Refused
)

// SettleResult is the answer to one settlement; Effects holds one result for
// each of its publications.
type SettleResult struct {
	Status  SettleStatus
	Effects []PublishResult
	Err     error
}

// Revocation orders the end of a task. The task's Reason becomes ReasonRevoked
// or, when that is the order's, ReasonPurged; any other text its Error.
//
//   - Terminate also ends it when it runs: its handler's context is cancelled.
//     Without it a running task is left to finish but not retried.
//   - ExpiresAt bounds how long the order waits for an id that is not known
//     yet; zero forgets it at once.
type Revocation struct {
	TaskID, Reason, By string
	Terminate          bool
	ExpiresAt          time.Time
}

// CancelResult tells what the task was when the order came; "" is unknown.
// Ended: it was ended by this call.
type CancelResult struct {
	Was   State
	Ended bool
}

// Recover bounds one step of housekeeping.
//
//   - Max: 0 is 500.
//   - Known and Queues: the names that the calling worker can run and the queues
//     it serves; parked tasks that match are released. Empty releases none.
//   - MaxLosses: a task that lost this many workers goes to the dead letters
//     (0: DefaultMaxLosses).
type Recover struct {
	Max       int
	Known     []string
	Queues    []string
	MaxLosses int
}

// DefaultMaxLosses is how many workers a task may take down before it is
// called poison.
const DefaultMaxLosses = 5

// Recovered counts what one step did.
type Recovered struct {
	Promoted, Reclaimed, Poisoned, Expired, Unparked, Swept int
	NextDue                                                 time.Time // zero: nothing is due
	More                                                    bool
}
