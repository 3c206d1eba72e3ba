package worker

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	goruntime "runtime"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/codec"
)

// Defaults of Options.
const (
	DefaultLease          = 10 * time.Second
	DefaultHeartbeatEvery = 5 * time.Second
	DefaultSoftGrace      = 30 * time.Second
	DefaultMaxResultBytes = 1 << 20
	minLease              = time.Second
)

// Options configure a worker. The zero value, with a Registry, works.
//
//   - Name identifies the worker to operators and must be its own: "" is the
//     host's name, the process id and a random number.
//   - Queues in strict order, or shared when any has a weight (nil: the default
//     queue).
//   - Concurrency is how many handlers run at once (0: the number of CPUs).
//   - Prefetch is how many tasks more may wait in this process for a slot. 0
//     adapts: more as long as slots run dry while the store has tasks, fewer as
//     soon as a task waits for a tenth of a second here while another worker
//     might have run it. Negative: none.
//   - Lease is how long the process may be silent before its tasks go to others
//     (0: 10 s; at least 1 s).
//   - SoftGrace is how long handlers have to return after a soft drain cancelled
//     them.
//   - MaxLosses: see runtime.Recover. MaxResultBytes caps a handler's result; a
//     larger one sends the task to the dead letters.
//   - Defaults are the layer between a task's definition and
//     runtime.DefaultOptions.
//   - Logger nil: nothing is logged.
type Options struct {
	Name           string
	Queues         []runtime.QueueShare
	Concurrency    int
	Prefetch       int
	Lease          time.Duration
	HeartbeatEvery time.Duration
	SoftGrace      time.Duration
	MaxLosses      int
	MaxResultBytes int
	Registry       *runtime.Registry
	Codecs         *codec.Registry
	Defaults       runtime.TaskOptions
	Middleware     []runtime.Middleware
	Signals        *runtime.Signals
	Logger         *slog.Logger
	Clock          runtime.Clock
	Build          string // stem's version, for heartbeats
}

// filled returns the options with defaults in the gaps.
func (o Options) filled() Options {
	if o.Name == "" {
		o.Name = defaultName()
	}
	if len(o.Queues) == 0 {
		o.Queues = []runtime.QueueShare{{Queue: runtime.DefaultQueue}}
	}
	if o.Concurrency == 0 {
		o.Concurrency = goruntime.NumCPU()
	}
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	if o.HeartbeatEvery == 0 {
		o.HeartbeatEvery = DefaultHeartbeatEvery
	}
	if o.SoftGrace == 0 {
		o.SoftGrace = DefaultSoftGrace
	}
	if o.MaxResultBytes == 0 {
		o.MaxResultBytes = DefaultMaxResultBytes
	}
	if o.MaxLosses == 0 {
		o.MaxLosses = runtime.DefaultMaxLosses
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// check reports the first option that is out of range.
func (o Options) check() error {
	if err := runtime.CheckName("worker name", o.Name); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, q := range o.Queues {
		if err := runtime.CheckName("queue", q.Queue); err != nil {
			return err
		}
		if q.Weight < 0 {
			return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("weight %d of queue %s is negative", q.Weight, q.Queue))
		}
		if seen[q.Queue] {
			return runtime.Errorf(runtime.CodeInvalid, "queue "+q.Queue+" is named twice")
		}
		seen[q.Queue] = true
	}
	switch {
	case o.Concurrency < 0:
		return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("concurrency %d is negative", o.Concurrency))
	case o.Lease < minLease:
		return &runtime.Error{Code: runtime.CodeInvalid, Message: fmt.Sprintf("lease %s is too short", o.Lease), Hint: "use 1s or more"}
	case o.HeartbeatEvery < 0 || o.SoftGrace < 0 || o.MaxLosses < 0 || o.MaxResultBytes < 0:
		return runtime.Errorf(runtime.CodeInvalid, "heartbeat, soft grace, max losses and max result bytes must not be negative")
	}
	return o.Defaults.Validate()
}

// defaultName is unlike that of every other worker: two that share a name
// overwrite each other's heartbeats and cannot be told apart by an operator.
func defaultName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "worker"
	}
	host = strings.Map(func(r rune) rune {
		if runtime.CheckName("", string(r)) != nil {
			return '-'
		}
		return r
	}, host)
	return fmt.Sprintf("%.64s-%d-%s", host, os.Getpid(), randomHex(2))
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the program when the system has no randomness
	return hex.EncodeToString(b)
}
