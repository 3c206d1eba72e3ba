package host

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// remindEvery is how often the person at the terminal is told what is left.
const remindEvery = 10 * time.Second

// Listen returns the OS signals that a host obeys and what ends the listening,
// after which a signal has its usual effect again.
func Listen() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 4)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	return c, func() { signal.Stop(c) }
}

// Stop drains all roles, unless they are draining as hard already, and returns
// at once. Run returns when they have.
func (h *Host) Stop(mode runtime.DrainMode) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if mode <= h.mode || h.running == nil {
		return
	}
	h.mode = mode
	for _, r := range h.o.Roles {
		ended := h.running[r.Name()]
		h.stops.Go(func() { drain(r, mode, ended) })
	}
}

// drain asks a role to stop until it has. Once is not enough: a role whose Run
// has been called but has not begun does not know what to stop.
func drain(r runtime.Role, mode runtime.DrainMode, ended <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for r.Drain(ctx, mode) == nil {
		select {
		case <-ended:
			return
		case <-again.C:
		}
	}
}

// obey escalates with each OS signal and says what the next one does.
func (h *Host) obey(ctx context.Context) {
	remind := time.NewTicker(remindEvery)
	defer remind.Stop()
	for {
		select {
		case s := <-h.o.Signals:
			mode := h.harder(s)
			h.o.Notify(announce(mode, h.active(), s))
			h.Stop(mode)
		case <-remind.C:
			if n := h.active(); h.stopping() != 0 && n > 0 {
				h.o.Notify("still stopping: " + tasks(n) + " left")
			}
		case <-ctx.Done():
			return
		}
	}
}

func (h *Host) stopping() runtime.DrainMode {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mode
}

// harder is the mode that a signal asks for.
func (h *Host) harder(s os.Signal) runtime.DrainMode {
	if s == syscall.SIGQUIT {
		return runtime.DrainHard
	}
	return min(h.stopping()+1, runtime.DrainHard)
}

// announce says what is being done, and what the same signal would do next.
func announce(mode runtime.DrainMode, active int, s os.Signal) string {
	again := "send the signal again"
	if s == os.Interrupt {
		again = "press Ctrl-C again"
	}
	switch {
	case mode == runtime.DrainHard:
		return fmt.Sprintf("leaving at once; giving back %s", tasks(active))
	case active == 0:
		return "stopping"
	case mode == runtime.DrainSoft:
		return fmt.Sprintf("cancelling %s; %s to leave without waiting for them", tasks(active), again)
	}
	return fmt.Sprintf("stopping: %s left; %s to cancel them", tasks(active), again)
}

func tasks(n int) string {
	if n == 1 {
		return "1 task"
	}
	return fmt.Sprintf("%d tasks", n)
}
