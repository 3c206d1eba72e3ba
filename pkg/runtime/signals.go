package runtime

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"
)

// SignalName names a moment in the life of a task or a worker.
type SignalName string

// The signals.
const (
	SignalBeforePublish  SignalName = "before-task-publish"
	SignalAfterPublish   SignalName = "after-task-publish"
	SignalReceived       SignalName = "task-received"
	SignalPrerun         SignalName = "task-prerun"
	SignalPostrun        SignalName = "task-postrun"
	SignalRetry          SignalName = "task-retry"
	SignalSucceeded      SignalName = "task-succeeded"
	SignalFailed         SignalName = "task-failed"
	SignalRevoked        SignalName = "task-revoked"
	SignalDeferred       SignalName = "task-deferred" // by a rate, a slot limit or because it is unknown
	SignalLeaseLost      SignalName = "task-lease-lost"
	SignalWorkerInit     SignalName = "worker-init"
	SignalWorkerReady    SignalName = "worker-ready"
	SignalWorkerStopping SignalName = "worker-stopping"
	SignalWorkerShutdown SignalName = "worker-shutdown"
	SignalHeartbeat      SignalName = "worker-heartbeat"
)

// Signal is one event. Fields that do not belong to the name are zero; Envelope
// is read-only.
type Signal struct {
	Name     SignalName
	Sender   string // worker id, or "stem" for a producer
	At       time.Time
	Envelope *Envelope
	State    State // postrun: what the attempt ended as
	Result   []byte
	Err      error
	Reason   string
	RetryAt  time.Time
}

// Signals dispatches lifecycle events to listeners. There is no global one:
// each app has its own, so that two workers in a process do not hear each
// other. The zero value is ready; a nil *Signals hears nothing.
//
//   - Concurrency: listeners run one after the other in the goroutine of the
//     event, highest priority first, and must not block it for long. A panic of
//     a listener goes to OnError, and the event goes on.
type Signals struct {
	OnError func(name SignalName, err error)

	mu        sync.RWMutex
	listeners map[SignalName][]listener
}

type listener struct {
	priority int
	call     func(context.Context, Signal)
}

// Listen calls f for every event of a name.
func (s *Signals) Listen(name SignalName, priority int, f func(context.Context, Signal)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		s.listeners = map[SignalName][]listener{}
	}
	// A new slice: Emit reads the old one without the lock.
	ls := append(append([]listener(nil), s.listeners[name]...), listener{priority, f})
	sort.SliceStable(ls, func(i, j int) bool { return ls[i].priority > ls[j].priority })
	s.listeners[name] = ls
}

// Wants reports whether anybody listens, so that a hot path can skip building
// the event.
func (s *Signals) Wants(name SignalName) bool {
	if s == nil {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.listeners[name]) > 0
}

// Emit tells all listeners.
func (s *Signals) Emit(ctx context.Context, e Signal) {
	if s == nil {
		return
	}
	s.mu.RLock()
	ls := s.listeners[e.Name]
	s.mu.RUnlock()
	for _, l := range ls {
		s.call(ctx, l, e)
	}
}

func (s *Signals) call(ctx context.Context, l listener, e Signal) {
	defer func() {
		if p := recover(); p != nil && s.OnError != nil {
			s.OnError(e.Name, fmt.Errorf("listener of %s panicked: %v", e.Name, p))
		}
	}()
	l.call(ctx, e)
}
