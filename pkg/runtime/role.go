package runtime

import (
	"context"
	"encoding/json"
	"time"
)

// Role is one thing that a process does: worker, beat, workflow runner, relay.
// runtime/host runs roles, gives them OS signals and commands, and stops them.
type Role interface {
	// Name tells roles apart in output and commands: "worker".
	Name() string

	// Run works until ctx ends or Drain has finished, and may be called again
	// after it returned. A ctx that ends is a hard stop.
	//
	//   - Errors: nil after a drain; what made it give up otherwise.
	Run(ctx context.Context) error

	// Drain asks a running role to stop, and returns when it has or ctx ends. A
	// harder mode may follow a softer one.
	//
	//   - Errors: ctx.Err() when it ended first.
	Drain(ctx context.Context, mode DrainMode) error

	// Apply carries out a command, if it is one of the role's.
	//
	//   - Errors: what the caller is told; handled says whether it was for this
	//     role at all.
	Apply(ctx context.Context, c Command) (reply json.RawMessage, handled bool, err error)

	// State tells how the role is, for health checks and progress lines.
	State() RoleState
}

// DrainMode says how much a role finishes before it stops.
type DrainMode uint8

const (
	// DrainWarm takes nothing new and finishes what runs.
	DrainWarm DrainMode = iota + 1
	// DrainSoft cancels what runs, gives it the grace period to return, and gives
	// the tasks back without charging an attempt.
	DrainSoft
	// DrainHard gives everything back at once.
	DrainHard
)

// String returns the mode as commands spell it.
func (m DrainMode) String() string {
	switch m {
	case DrainWarm:
		return "warm"
	case DrainSoft:
		return "soft"
	case DrainHard:
		return "hard"
	}
	return "none"
}

// RoleState is a role at a moment.
type RoleState struct {
	Running  bool
	Draining DrainMode // 0: not draining
	Active   int       // executions in progress
	Ready    bool
	Reason   string // why it is not ready
}

// Command is an operator's order to roles, as it travels on the bus. Targets
// are worker ids; empty or "*" is everybody.
type Command struct {
	RequestID string          `json:"requestId"`
	Type      string          `json:"type"`
	Targets   []string        `json:"targets,omitempty"`
	Payload   json.RawMessage `json:"payload,omitempty"`
	By        string          `json:"by,omitempty"`
	IssuedAt  time.Time       `json:"issuedAt"`
	TimeoutMs int64           `json:"timeoutMs,omitempty"` // older commands are dropped
}

// Reply is one process's answer.
type Reply struct {
	RequestID string          `json:"requestId"`
	WorkerID  string          `json:"workerId"`
	Status    string          `json:"status"` // ok, error
	Payload   json.RawMessage `json:"payload,omitempty"`
	Error     string          `json:"error,omitempty"`
}

// Types of commands.
const (
	CommandPing     = "ping"
	CommandStats    = "stats"
	CommandShutdown = "shutdown"
	CommandRefresh  = "refresh" // look at directives and revocations now
)
