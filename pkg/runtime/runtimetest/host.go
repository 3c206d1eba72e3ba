package runtimetest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Host records what a handler asks of its worker. The zero value is ready.
//
//   - Lose, when true, makes it answer as if the lease were lost.
//   - Soft is what the handler gets as its soft limit.
//   - Concurrency: safe for use by many goroutines once the handler runs.
type Host struct {
	Lose bool
	Soft <-chan struct{}

	mu       sync.Mutex
	progress []Progress
	extended []time.Duration
	children []runtime.Request
	log      []string
}

// Progress is one call of Host.Progress.
type Progress struct {
	Percent float64
	Data    json.RawMessage
}

var _ runtime.Host = (*Host)(nil)

// Progress records how far the task is.
func (h *Host) Progress(_ context.Context, percent float64, data json.RawMessage) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.progress = append(h.progress, Progress{percent, data})
	return h.lost()
}

// Extend records by how much.
func (h *Host) Extend(_ context.Context, by time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.extended = append(h.extended, by)
	return h.lost()
}

// Enqueue records the children and accepts them, under ids of their own.
func (h *Host) Enqueue(_ context.Context, rs []runtime.Request) ([]runtime.PublishResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.lost(); err != nil {
		return nil, err
	}
	out := make([]runtime.PublishResult, len(rs))
	for i, r := range rs {
		if r.ID == "" {
			r.ID = fmt.Sprintf("child-%d", len(h.children)+1)
		}
		h.children = append(h.children, r)
		out[i] = runtime.PublishResult{Status: runtime.Accepted, ID: r.ID}
	}
	return out, nil
}

// Log records a line.
func (h *Host) Log(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = append(h.log, line)
}

// SoftLimit returns Soft.
func (h *Host) SoftLimit() <-chan struct{} { return h.Soft }

func (h *Host) lost() error {
	if h.Lose {
		return runtime.Errorf(runtime.CodeLeaseLost, "lease lost (as the test wants it)")
	}
	return nil
}
