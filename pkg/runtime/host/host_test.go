package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/driver/memory"
	"github.com/stem-jobs/stem/pkg/runtime/host"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a role that runs until it is drained as hard as it wants to be.
type fake struct {
	name   string
	obeys  runtime.DrainMode // the softest mode that stops it
	delay  time.Duration     // before its Run can be drained
	err    error             // what Run returns, once stop is closed
	panics bool
	stop   chan struct{}

	mu      sync.Mutex
	running bool
	end     chan struct{}
	asked   []runtime.DrainMode
	applied []string
	active  int
}

func newFake(name string) *fake {
	return &fake{name: name, obeys: runtime.DrainWarm, stop: make(chan struct{})}
}

func (f *fake) Name() string { return f.name }

func (f *fake) Run(ctx context.Context) error {
	<-time.After(f.delay)
	f.mu.Lock()
	f.running, f.end = true, make(chan struct{})
	end := f.end
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.running = false
	}()
	select {
	case <-ctx.Done():
	case <-end:
	case <-f.stop:
		if f.panics {
			panic("role went mad\nand said more")
		}
		return f.err
	}
	return nil
}

func (f *fake) Drain(ctx context.Context, mode runtime.DrainMode) error {
	f.mu.Lock()
	running := f.running
	if running {
		f.asked = append(f.asked, mode)
		if mode >= f.obeys && !isClosed(f.end) {
			close(f.end)
		}
	}
	f.mu.Unlock()
	if !running {
		return nil
	}
	<-ctx.Done() // longer than needed: the host must not rely on it
	return ctx.Err()
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (f *fake) Apply(_ context.Context, c runtime.Command) (json.RawMessage, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.applied = append(f.applied, c.Type)
	switch c.Type {
	case runtime.CommandStats:
		return json.RawMessage(`{"n":1}`), true, nil
	case runtime.CommandRefresh:
		return nil, true, nil
	case "boom":
		return nil, true, errors.New("it went wrong")
	}
	return nil, false, nil
}

func (f *fake) State() runtime.RoleState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return runtime.RoleState{Running: f.running, Active: f.active, Ready: f.running}
}

// stage is a host with fakes in a bubble.
type stage struct {
	*host.Host
	t       *testing.T
	signals chan os.Signal
	bus     runtime.Bus
	done    chan error
	cancel  context.CancelFunc

	mu    sync.Mutex
	lines []string
}

func (s *stage) notes() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lines...)
}

func (s *stage) last() string {
	if n := s.notes(); len(n) > 0 {
		return n[len(n)-1]
	}
	return ""
}

// slowBus takes its time, so that whatever can happen meanwhile does.
type slowBus struct{ runtime.Bus }

func (b slowBus) Send(ctx context.Context, ms []runtime.Message) error {
	<-time.After(100 * time.Millisecond)
	return b.Bus.Send(ctx, ms)
}

func play(t *testing.T, f func(t *testing.T, s *stage), roles func() []runtime.Role) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store, err := memory.Driver{}.Open(t.Context(), "memory:", runtime.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		s := &stage{t: t, signals: make(chan os.Signal, 4), bus: store.Bus, done: make(chan error, 1)}
		s.Host, err = host.New(host.Options{Roles: roles(), Signals: s.signals, Bus: slowBus{store.Bus}, ID: "web/1", Notify: func(line string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.lines = append(s.lines, line)
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s.cancel = cancel
		go func() { s.done <- s.Run(ctx) }()
		synctest.Wait()
		f(t, s)
	})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, o := range map[string]host.Options{
		"no roles":       {},
		"twice":          {Roles: []runtime.Role{newFake("a"), newFake("a")}},
		"bus, but no id": {Roles: []runtime.Role{newFake("a")}, Bus: struct{ runtime.Bus }{}},
	} {
		if _, err := host.New(o); !errors.Is(err, runtime.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignalsEscalateAndSayWhatTheNextDoes(t *testing.T) {
	worker, beat := newFake("worker"), newFake("beat")
	play(t, func(t *testing.T, s *stage) {
		steps := []struct {
			active int
			line   string
		}{
			{12, "stopping: 12 tasks left; press Ctrl-C again to cancel them"},
			{3, "cancelling 3 tasks; press Ctrl-C again to leave without waiting for them"},
			{1, "leaving at once; giving back 1 task"},
		}
		for _, step := range steps {
			worker.mu.Lock()
			worker.active = step.active
			worker.mu.Unlock()
			s.signals <- os.Interrupt
			if got := s.last(); got != step.line {
				t.Errorf("announced %q, want %q", got, step.line)
			}
			s.Stop(runtime.DrainWarm) // softer or the same: no effect
		}
		if err := <-s.done; err != nil {
			t.Error(err)
		}
		if got := worker.asked; len(got) != 3 || got[0] != runtime.DrainWarm || got[1] != runtime.DrainSoft || got[2] != runtime.DrainHard {
			t.Errorf("worker was asked %v", got)
		}
		if got := beat.asked; len(got) == 0 || got[0] != runtime.DrainWarm {
			t.Errorf("beat was asked %v", got)
		}
	}, func() []runtime.Role {
		worker, beat = newFake("worker"), newFake("beat")
		worker.obeys = runtime.DrainHard
		return []runtime.Role{worker, beat}
	})
}

func TestOtherSignals(t *testing.T) {
	var worker *fake
	roles := func() []runtime.Role { worker = newFake("worker"); worker.active = 2; return []runtime.Role{worker} }
	play(t, func(t *testing.T, s *stage) {
		s.signals <- syscall.SIGTERM
		if got := s.last(); got != "stopping: 2 tasks left; send the signal again to cancel them" {
			t.Errorf("announced %q", got)
		}
		if err := <-s.done; err != nil || worker.asked[0] != runtime.DrainWarm {
			t.Errorf("%v, asked %v", err, worker.asked)
		}
	}, roles)
	play(t, func(t *testing.T, s *stage) {
		s.signals <- syscall.SIGQUIT
		if err := <-s.done; err != nil || worker.asked[0] != runtime.DrainHard {
			t.Errorf("%v, asked %v", err, worker.asked)
		}
	}, roles)
}

func TestRemindsOfWhatIsLeft(t *testing.T) {
	var worker *fake
	play(t, func(t *testing.T, s *stage) {
		<-time.After(25 * time.Second)
		if got := s.notes(); len(got) != 0 {
			t.Errorf("told %q although nothing stops", got)
		}
		s.signals <- os.Interrupt
		<-time.After(14 * time.Second)
		if got := s.notes(); len(got) != 2 || got[1] != "still stopping: 2 tasks left" {
			t.Errorf("told %q", got)
		}
		s.Stop(runtime.DrainHard)
		<-s.done
	}, func() []runtime.Role {
		worker = newFake("worker")
		worker.obeys, worker.active = runtime.DrainHard, 2
		return []runtime.Role{worker}
	})
}

// A signal that comes while a role is still starting is not lost.
func TestStopBeforeARoleHasBegun(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.Stop(runtime.DrainWarm)
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	}, func() []runtime.Role {
		slow := newFake("worker")
		slow.delay = time.Second
		return []runtime.Role{slow}
	})
}

func TestACrashStopsTheOthersWarm(t *testing.T) {
	for _, panics := range []bool{false, true} {
		var bad, good *fake
		play(t, func(t *testing.T, s *stage) {
			close(bad.stop)
			err := <-s.done
			if err == nil || !strings.Contains(err.Error(), "role bad") || !panics && !errors.Is(err, runtime.ErrUnavailable) {
				t.Errorf("run: %v", err)
			}
			if panics && !strings.Contains(err.Error(), "role went mad") {
				t.Errorf("run: %v", err)
			}
			if len(good.asked) == 0 || good.asked[0] != runtime.DrainWarm {
				t.Errorf("the other was asked %v", good.asked)
			}
		}, func() []runtime.Role {
			bad, good = newFake("bad"), newFake("good")
			bad.err, bad.panics = runtime.ErrUnavailable, panics
			return []runtime.Role{bad, good}
		})
	}
}

// A panic is one line for the terminal; its stack is in the log.
func TestThePanicOfARoleIsLoggedWithItsStack(t *testing.T) {
	bad := newFake("bad")
	bad.panics = true
	close(bad.stop)
	var log bytes.Buffer
	h, err := host.New(host.Options{Roles: []runtime.Role{bad}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Run(t.Context()); err == nil || err.Error() != "role bad panicked: role went mad" {
		t.Errorf("run: %v", err)
	}
	if !strings.Contains(log.String(), "host_test.go") || !strings.Contains(log.String(), "and said more") {
		t.Errorf("log: %s", log.String())
	}
}

func TestARoleThatIsDoneLeavesTheOthersAlone(t *testing.T) {
	var short, long *fake
	play(t, func(t *testing.T, s *stage) {
		close(short.stop)
		<-time.After(time.Minute)
		synctest.Wait()
		if len(long.asked) != 0 || !s.State()["long"].Running {
			t.Errorf("the other was asked %v", long.asked)
		}
		if err := s.Run(t.Context()); !errors.Is(err, runtime.ErrConflict) {
			t.Errorf("a second Run: %v", err)
		}
		s.cancel()
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	}, func() []runtime.Role {
		short, long = newFake("short"), newFake("long")
		return []runtime.Role{short, long}
	})
}

func TestHostRunsAgain(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.signals <- os.Interrupt
		if err := <-s.done; err != nil {
			t.Error(err)
		}
		go func() { s.done <- s.Run(context.Background()) }()
		synctest.Wait()
		s.signals <- os.Interrupt
		if got := s.last(); got != "stopping: 1 task left; press Ctrl-C again to cancel them" {
			t.Errorf("announced %q", got)
		}
		if err := <-s.done; err != nil {
			t.Error(err)
		}
	}, func() []runtime.Role {
		worker := newFake("worker")
		worker.active = 1
		return []runtime.Role{worker}
	})
}
