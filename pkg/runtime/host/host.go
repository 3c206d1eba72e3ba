package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Options configure a host.
//
//   - Roles to run; their names must differ.
//   - Signals are the OS signals to obey; see [Listen]. Nil: none.
//   - Notify gets lines for the person at the terminal. Nil: nobody is told.
//   - Bus, when set, carries operators' commands. ID is who answers them: the
//     worker's, where there is one.
type Options struct {
	Roles   []runtime.Role
	Signals <-chan os.Signal
	Notify  func(line string)
	Bus     runtime.Bus
	ID      string
	Logger  *slog.Logger
	Clock   runtime.Clock
}

// Host runs roles.
//
//   - Concurrency: Stop and State are safe from any goroutine. Only one Run at a
//     time; it may be called again after it returned.
type Host struct {
	o Options

	mu      sync.Mutex
	mode    runtime.DrainMode        // the hardest that was asked for; 0: none
	running map[string]chan struct{} // by role; closed when it has ended
	stops   sync.WaitGroup
}

// New returns a host of roles.
//
//   - Errors: ErrInvalid without roles, for two of one name, and for a Bus
//     without an ID.
func New(o Options) (*Host, error) {
	if len(o.Roles) == 0 {
		return nil, runtime.Errorf(runtime.CodeInvalid, "start host: it has no roles")
	}
	names := map[string]bool{}
	for _, r := range o.Roles {
		if names[r.Name()] {
			return nil, runtime.Errorf(runtime.CodeInvalid, "start host: role "+r.Name()+" is there twice")
		}
		names[r.Name()] = true
	}
	if o.Bus != nil {
		if err := runtime.CheckName("host id", o.ID); err != nil {
			return nil, fmt.Errorf("start host: %w", err)
		}
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Host{o: o}, nil
}

// Run works until every role has ended: after a drain, or hard when ctx ends.
// No goroutine of the host is left when it returns.
//
//   - Errors: of the roles that gave up, each with its role's name; nil after a
//     drain.
func (h *Host) Run(ctx context.Context) error {
	if err := h.begin(); err != nil {
		return err
	}
	helping, stopHelp := context.WithCancel(ctx)
	var help sync.WaitGroup
	help.Go(func() { h.obey(helping) })
	if h.o.Bus != nil {
		help.Go(func() { h.readInbox(helping) })
	}
	err := h.runRoles(ctx)
	stopHelp()
	help.Wait()
	h.stops.Wait()
	return err
}

func (h *Host) begin() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running != nil {
		return runtime.Errorf(runtime.CodeConflict, "host is running already")
	}
	h.mode = 0
	h.running = map[string]chan struct{}{}
	for _, r := range h.o.Roles {
		h.running[r.Name()] = make(chan struct{})
	}
	return nil
}

// runRoles runs the roles to their ends and returns what they gave up for.
func (h *Host) runRoles(ctx context.Context) error {
	errs := make(chan error)
	for _, r := range h.o.Roles {
		go func() {
			err := h.runRole(ctx, r)
			h.ended(r)
			errs <- err
		}()
	}
	var failed error
	for range h.o.Roles {
		if err := <-errs; err != nil {
			failed = errors.Join(failed, err)
			h.Stop(runtime.DrainWarm) // the others cannot do their part alone
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = nil
	return failed
}

// runRole turns a panic of a role into an error, so that the others can finish.
// The stack goes to the log: the error is a line for the terminal.
func (h *Host) runRole(ctx context.Context, r runtime.Role) (err error) {
	defer func() {
		if p := recover(); p != nil {
			what := fmt.Sprint(p)
			h.o.Logger.Error("role panicked", "role", r.Name(), "panic", what, "stack", string(debug.Stack()))
			line, _, _ := strings.Cut(what, "\n")
			err = fmt.Errorf("role %s panicked: %s", r.Name(), line)
		}
	}()
	if err := r.Run(ctx); err != nil {
		return fmt.Errorf("role %s: %w", r.Name(), err)
	}
	return nil
}

func (h *Host) ended(r runtime.Role) {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.running[r.Name()])
}

// State returns how each role is, by name.
func (h *Host) State() map[string]runtime.RoleState {
	states := map[string]runtime.RoleState{}
	for _, r := range h.o.Roles {
		states[r.Name()] = r.State()
	}
	return states
}

// active is how many tasks are in progress.
func (h *Host) active() int {
	n := 0
	for _, r := range h.o.Roles {
		n += r.State().Active
	}
	return n
}

func (h *Host) now() time.Time { return h.o.Clock.Now() }
