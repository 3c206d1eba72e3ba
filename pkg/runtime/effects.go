package runtime

import (
	"fmt"
	"time"
)

// Effects is everything one step leaves behind. The same struct is what a
// producer publishes and what a settlement carries: it is committed with the
// step, or not at all.
//
//   - Groups are opened before their members; a group whose id is known already
//     is left as it is.
//   - One result is returned for each element of Publish, in order.
type Effects struct {
	Groups  []Group
	Publish []Publication
}

// Publication is one task on its way into the store.
//
//   - Envelope is routed and encoded by the client's Prepare; a driver stores
//     it as it is.
//   - NotBefore and ExpiresAt are absolute; zero means at once and never. A
//     task that has not been handed out by ExpiresAt ends as cancelled with
//     ReasonExpired. A hand-out in time ends its expiry, unless a limit or
//     parking puts it aside unrun; a replay clears it.
//   - Group counts the task once, by its id, when it ends. The id must be a
//     member of that group.
//   - MaxDepth bounds the queue: with that many unfinished tasks in it (ready,
//     delayed, waiting and leased) the result is Full. 0 is unbounded.
type Publication struct {
	Envelope  *Envelope `json:"envelope"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	Unique    *Unique   `json:"unique,omitempty"`
	Group     string    `json:"group,omitempty"`
	MaxDepth  int       `json:"maxDepth,omitempty"`
}

// Unique is a claim of a key, made in the same step as the publication and
// owned by the task. It has no time to live while its owner lives: a retry
// keeps it and the owner's terminal step frees it (or, with Hold, starts the
// clock).
type Unique struct {
	Key  string        `json:"key"`
	Mode UniqueMode    `json:"mode,omitempty"`
	Hold time.Duration `json:"hold,omitempty"` // how long the key stays taken after the end
}

// UniqueMode says what happens to a publication whose key is taken.
type UniqueMode uint8

const (
	// UniqueReject answers Duplicate with the owner's id.
	UniqueReject UniqueMode = iota
	// UniqueReplace cancels an owner that is not in a worker's hands
	// (ReasonReplaced) and takes its key: newest arguments win, the due time
	// moves (debounce). A running owner answers Duplicate.
	UniqueReplace
)

// Group counts the ends of a set of tasks and publishes one task when all have
// ended.
//
//   - Members is the set that is counted and the order of results. A member
//     that ends twice counts once.
//   - Done is published when every member succeeded, Failed when all have ended
//     and at least one did not succeed; either may be nil. They are prepared by
//     the producer. Their ids are fixed, so a repeat is harmless. Nobody would
//     hear that one was refused, so nothing may refuse it at the end: it has no
//     Unique, its MaxDepth does not bind it, and when its own Group has gone by
//     then it is published without.
//   - Deadline, when set, ends the group as failed with the members that have
//     ended by then. Keep is how long the closed group can be read.
type Group struct {
	ID       string
	Members  []string
	Done     *Publication
	Failed   *Publication
	Deadline time.Time
	Keep     time.Duration // 0: DefaultKeep
}

// PublishStatus is the fate of one publication.
type PublishStatus uint8

// The fates.
const (
	Accepted  PublishStatus = iota + 1
	Exists                  // the id is known: publishing is idempotent, nothing changed
	Duplicate               // its unique key is taken; ID is the owner's
	Full                    // the queue is at its depth; nothing was stored
	Invalid                 // Err says why; nothing was stored
)

// String returns the status as it appears in output.
func (s PublishStatus) String() string {
	names := [...]string{"none", "accepted", "exists", "duplicate", "full", "invalid"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// PublishResult is what became of one publication. ID is the task's, or the
// owner's for a Duplicate.
type PublishResult struct {
	Status PublishStatus
	ID     string
	Err    error
}

// Validate reports what keeps p from being stored. Drivers call it for every
// publication and answer Invalid, so that a wrong item never spoils its batch.
//
//   - Errors: ErrInvalid.
func (p *Publication) Validate() error {
	if p.Envelope == nil {
		return Errorf(CodeInvalid, "publication has no envelope")
	}
	if err := p.Envelope.Validate(); err != nil {
		return err
	}
	if p.Group != "" {
		if err := CheckID("group id", p.Group); err != nil {
			return err
		}
	}
	if u := p.Unique; u != nil && (u.Key == "" || len(u.Key) > 512 || u.Hold < 0) {
		return Errorf(CodeInvalid, "unique key is empty or longer than 512 bytes, or its hold is negative")
	}
	if p.MaxDepth < 0 {
		return Errorf(CodeInvalid, "max depth is negative")
	}
	return nil
}

// Validate reports what keeps g from being opened.
//
//   - Errors: ErrInvalid.
func (g *Group) Validate() error {
	if err := CheckID("group id", g.ID); err != nil {
		return err
	}
	if len(g.Members) == 0 {
		return Errorf(CodeInvalid, "group "+g.ID+" has no members")
	}
	seen := make(map[string]bool, len(g.Members))
	for _, id := range g.Members {
		if err := CheckID("group member", id); err != nil {
			return err
		}
		if seen[id] {
			return Errorf(CodeInvalid, fmt.Sprintf("group %s names %s twice", g.ID, id))
		}
		seen[id] = true
	}
	for _, p := range []*Publication{g.Done, g.Failed} {
		if err := g.validateCallback(p); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) validateCallback(p *Publication) error {
	if p == nil {
		return nil
	}
	if err := p.Validate(); err != nil {
		return fmt.Errorf("callback of group %s: %w", g.ID, err)
	}
	if p.Unique != nil {
		return &Error{
			Code:    CodeInvalid,
			Message: fmt.Sprintf("callback %s of group %s has a unique key", p.Envelope.ID, g.ID),
			Hint:    "a key that is taken when the group ends would lose it; its id is unique already",
		}
	}
	return nil
}
