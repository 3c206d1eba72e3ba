package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	maxLog     = 16 << 10 // bytes of the log tail in a task's record
	maxLogLine = 4 << 10
)

// taskHost is what a running handler can ask of this worker.
type taskHost struct {
	job   *job
	shift *shift
	soft  chan struct{} // nil without a soft limit

	mu    sync.Mutex
	lines []byte
}

var _ runtime.Host = (*taskHost)(nil)

// Progress stores how far the task is.
func (h *taskHost) Progress(ctx context.Context, percent float64, data json.RawMessage) error {
	if err := checkProgress(percent, data); err != nil {
		return err
	}
	if err := h.held(); err != nil {
		return err
	}
	lost, err := h.shift.progress.Do(ctx, runtime.Progress{Lease: h.job.Lease, Percent: percent, Data: data})
	if err != nil {
		return fmt.Errorf("store progress: %w", err)
	}
	if lost {
		h.shift.loseLease(h.job)
		return h.gone()
	}
	return nil
}

// Extend keeps the task at least this much longer, also beyond a visibility
// timeout of its own.
func (h *taskHost) Extend(ctx context.Context, by time.Duration) error {
	if by <= 0 {
		return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("extend the lease by %s: use a positive duration", by))
	}
	if err := h.held(); err != nil {
		return err
	}
	return h.shift.extend(ctx, h.job, by)
}

// Enqueue publishes children; the client records this task as their parent.
func (h *taskHost) Enqueue(ctx context.Context, rs []runtime.Request) ([]runtime.PublishResult, error) {
	if err := h.held(); err != nil {
		return nil, err
	}
	return h.shift.client.EnqueueMany(runtime.WithTask(ctx, &h.job.task), rs)
}

// Log adds a line to the tail that is kept with the task's record.
func (h *taskHost) Log(line string) {
	line = strings.ToValidUTF8(cut(strings.TrimRight(line, "\r\n"), maxLogLine), "\uFFFD")
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(append(h.lines, line...), '\n')
	if len(h.lines) > 2*maxLog { // not at every line: each time costs a copy
		h.lines = append([]byte(nil), lastLines(h.lines)...)
	}
}

// SoftLimit is closed when the soft limit has passed; nil without one.
func (h *taskHost) SoftLimit() <-chan struct{} { return h.soft }

// tail returns what is kept of the log.
func (h *taskHost) tail() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(lastLines(h.lines))
}

// lastLines drops whole lines from the front until the rest fits.
func lastLines(b []byte) []byte {
	if len(b) <= maxLog {
		return b
	}
	b = b[len(b)-maxLog:]
	for i, c := range b {
		if c == '\n' {
			return b[i+1:]
		}
	}
	return b
}

// held reports whether the task is still this handler's. A goroutine that
// outlives its handler finds that it is not.
func (h *taskHost) held() error {
	if h.job.decided.Load() {
		return h.gone()
	}
	return nil
}

func (h *taskHost) gone() error {
	return runtime.Errorf(runtime.CodeLeaseLost, "task "+h.job.Lease.TaskID+" is no longer this worker's")
}
