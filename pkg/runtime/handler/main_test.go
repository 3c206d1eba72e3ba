package handler_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/handler"
)

func TestMain(m *testing.M) {
	if workerProcess() {
		return
	}
	goleak.VerifyTestMain(m)
}

// host records what a handler asks of its worker.
type host struct {
	mu       sync.Mutex
	logs     []string
	progress []float64
	extended []time.Duration
	enqueued []runtime.Request
	soft     chan struct{}
	fail     error
	logged   chan string // gets each line, when set
}

func (h *host) Progress(_ context.Context, percent float64, _ json.RawMessage) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.progress = append(h.progress, percent)
	return h.fail
}

func (h *host) Extend(_ context.Context, by time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.extended = append(h.extended, by)
	return h.fail
}

func (h *host) Enqueue(_ context.Context, rs []runtime.Request) ([]runtime.PublishResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.enqueued = append(h.enqueued, rs...)
	out := make([]runtime.PublishResult, len(rs))
	for i := range rs {
		out[i] = runtime.PublishResult{Status: runtime.Accepted, ID: fmt.Sprintf("child-%d", i)}
	}
	return out, h.fail
}

func (h *host) Log(line string) {
	h.mu.Lock()
	h.logs = append(h.logs, line)
	h.mu.Unlock()
	if h.logged != nil {
		h.logged <- line
	}
}

func (h *host) SoftLimit() <-chan struct{} { return h.soft }

func (h *host) lines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.logs)
}

func (h *host) hasLine(part string) bool {
	return slices.ContainsFunc(h.lines(), func(l string) bool { return strings.Contains(l, part) })
}

// newTask returns a task with the given arguments and a host of its own.
func newTask(args string) (*runtime.Task, *host) {
	h := &host{}
	return &runtime.Task{
		ID: "t-1", Name: "demo.run", Queue: "mail", Args: json.RawMessage(args), Attempt: 1, MaxRetries: 4, Deliveries: 2,
		Headers:    map[string]string{"tenant": "acme", runtime.HeaderTraceParent: "00-abc-def-01"},
		EnqueuedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Host: h,
	}, h
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited too long for: %s", what)
		}
	}
}

// workerProcess makes this binary a worker that runs one program and never
// settles, for the tests that kill it.
func workerProcess() bool {
	script, is := os.LookupEnv("HANDLER_TEST_SCRIPT")
	if !is {
		return false
	}
	run, err := handler.Exec(handler.ExecSpec{Command: []string{"sh", "-c", script}})
	if err != nil {
		panic(err)
	}
	task, h := newTask(`{}`)
	h.logged = make(chan string)
	go func() {
		for line := range h.logged {
			fmt.Println(line)
		}
	}()
	_, _ = run(context.Background(), task)
	return true
}
