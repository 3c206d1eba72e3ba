package runtime

import (
	"context"
	"time"
)

// Heartbeats tells which workers live.
type Heartbeats interface {
	// Beat stores the worker's latest heartbeat; it is gone when ttl has passed
	// without another.
	//
	//   - Errors: ErrUnavailable.
	Beat(ctx context.Context, h Heartbeat, ttl time.Duration) error

	// List returns the live workers in the order of their ids.
	//
	//   - Errors: ErrUnavailable.
	List(ctx context.Context) ([]Heartbeat, error)

	// Leave removes a worker that stops in good order.
	//
	//   - Errors: ErrUnavailable.
	Leave(ctx context.Context, c Consumer) error
}

// Heartbeat is what a worker says about itself.
//
//   - Tasks are the names it can run, Queues those it serves: together they tell
//     whether anybody will ever take a task.
//   - Rates are settled tasks a second by queue over the last minute.
//   - Stuck lists handlers that ran past their hard limit and have not returned;
//     they still hold their slots.
type Heartbeat struct {
	WorkerID    string             `json:"workerId"`
	Incarnation string             `json:"incarnation"`
	Timestamp   time.Time          `json:"timestamp"`
	Version     string             `json:"version"` // of this record: "1"
	Build       string             `json:"build"`   // of stem
	Host        string             `json:"host"`
	PID         int                `json:"pid"`
	StartedAt   time.Time          `json:"startedAt"`
	State       string             `json:"state"` // running, draining
	Concurrency int                `json:"concurrency"`
	Prefetch    int                `json:"prefetch"`
	Inflight    int                `json:"inflight"`
	Queues      []string           `json:"queues"`
	Tasks       []string           `json:"tasks"`
	Paused      []string           `json:"paused,omitempty"`
	Active      []ActiveTask       `json:"active,omitempty"` // at most 100, longest first
	Stuck       []ActiveTask       `json:"stuck,omitempty"`
	Rates       map[string]float64 `json:"rates,omitempty"`
	Succeeded   int64              `json:"succeeded"`
	Failed      int64              `json:"failed"`
	Retried     int64              `json:"retried"`
	LeaseLost   int64              `json:"leaseLost"`
	LastRenewal time.Time          `json:"lastLeaseRenewal,omitzero"`
	MemoryBytes int64              `json:"memoryBytes"`
}

// ActiveTask is an execution in progress.
type ActiveTask struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Queue     string    `json:"queue"`
	Attempt   int       `json:"attempt"`
	StartedAt time.Time `json:"startedAt"`
	Stack     string    `json:"stack,omitempty"` // of a stuck handler's goroutine
}
