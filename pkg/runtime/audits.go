package runtime

import (
	"context"
	"time"
)

// Audits tells who did what. Broker.Cancel, DeadLetters, Locks.Break and
// Directives.Put write their entries in the same step as the act; Append is for
// acts elsewhere. Entries are kept for KeepAudits; then Recover removes them.
type Audits interface {
	// Append stores entries.
	//
	//   - Errors: ErrUnavailable.
	Append(ctx context.Context, es []AuditEntry) error

	// List pages through entries, newest first, and returns the cursor of the next
	// page or "".
	//
	//   - Errors: ErrInvalid (cursor), ErrUnavailable.
	List(ctx context.Context, q AuditQuery) ([]AuditEntry, string, error)
}

// KeepAudits is how long an audit entry can be read.
const KeepAudits = 90 * 24 * time.Hour

// Actions that are audited by the stores themselves.
const (
	AuditCancel = "cancel"
	AuditReplay = "replay"
	AuditPurge  = "purge"
	AuditBreak  = "break-lock"
	AuditPause  = "pause"
	AuditResume = "resume"

	// AuditUnreadable is no act: what was stored about Subject cannot be read any
	// more and was left out.
	AuditUnreadable = "unreadable"
)

// AuditEntry is one act of an operator on one subject (a task, lock or queue).
type AuditEntry struct {
	At      time.Time
	Action  string
	Subject string
	Queue   string
	By      string
	Reason  string
}

// AuditQuery filters entries; zero fields do not filter. Limit: 0 is 100, at
// most 1000.
type AuditQuery struct {
	Action  string
	Subject string
	Since   time.Time
	Cursor  string
	Limit   int
}
