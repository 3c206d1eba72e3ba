package drivertest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// The crash tier. STEM_CRASH_TIME is how long processes are killed, as a Go
// duration.
const (
	crashTime      = 8 * time.Second
	crashLease     = 3 * time.Second
	crashRecovery  = 15 * time.Second // from the last kill until everything has ended
	crashWorkers   = 4
	crashProducers = 2

	envCrashRole = "STEM_CRASH_ROLE" // set in the processes
	envCrashName = "STEM_CRASH_NAME"
	envCrashURL  = "STEM_CRASH_URL"
	envCrashLog  = "STEM_CRASH_LOG"
)

// Crash runs producers and workers as processes of their own, copies of the
// test binary, on one store, kills them at random moments and checks the
// ledger: every accepted task has ended exactly once as succeeded or dead, and
// only what was in a killed worker's hands has run twice.
//
// It must be called first and alone by a top-level test, for the processes are
// made by running that test again. Its driver must be registered.
func Crash(t *testing.T, h CrashHarness) {
	if role := os.Getenv(envCrashRole); role != "" {
		runCrashRole(t, role)
		return
	}
	if strings.Contains(t.Name(), "/") {
		t.Fatal("drivertest.Crash must be called by a top-level test")
	}
	duration := crashTime
	if s := os.Getenv("STEM_CRASH_TIME"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("STEM_CRASH_TIME: %v", err)
		}
		duration = d
	}
	s := &scene{T: t, url: h.New(t), dir: t.TempDir()}
	s.play(duration)
	s.audit()
}

// scene is a store and the processes on it.
type scene struct {
	*testing.T
	url    string
	dir    string // of the processes' logs
	living []*process
	killed map[string]bool // names of processes
	starts int
	drain  time.Duration
}

// process is one start of a producer or worker.
type process struct {
	role, name string
	cmd        *exec.Cmd
	stdin      io.Closer // its end tells the process to stop in good order
	output     *bytes.Buffer
}

func (s *scene) play(duration time.Duration) {
	s.killed = map[string]bool{}
	s.Cleanup(s.killAll)
	for range crashWorkers {
		s.start("worker")
	}
	for range crashProducers {
		s.start("producer")
	}
	end := time.Now().Add(duration)
	for time.Now().Before(end) {
		<-time.After(time.Duration(50+rand.IntN(400)) * time.Millisecond)
		victim := s.living[rand.IntN(len(s.living))]
		s.kill(victim)
		s.start(victim.role)
	}
	s.stop("producer")
	s.drained()
	s.stop("worker")
}

// start runs the test again, as a process with a role.
func (s *scene) start(role string) {
	s.Helper()
	s.starts++
	p := &process{role: role, name: fmt.Sprintf("%s-%03d", role, s.starts), output: &bytes.Buffer{}}
	p.cmd = exec.Command(os.Args[0], "-test.run=^"+regexp.QuoteMeta(s.Name())+"$", "-test.count=1")
	p.cmd.Env = append(os.Environ(), envCrashRole+"="+role, envCrashName+"="+p.name, envCrashURL+"="+s.url, envCrashLog+"="+s.log(p.name))
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	stdin, err := p.cmd.StdinPipe()
	if err == nil {
		p.stdin = stdin
		err = p.cmd.Start()
	}
	if err != nil {
		s.Fatalf("start a %s: %v", role, err)
	}
	s.living = append(s.living, p)
}

func (s *scene) log(name string) string { return filepath.Join(s.dir, name+".log") }

func (s *scene) kill(p *process) {
	s.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		s.Fatalf("%s has ended by itself (%v):\n%s", p.name, err, p.output)
	}
	if err := p.cmd.Wait(); err == nil {
		s.Fatalf("%s has ended by itself:\n%s", p.name, p.output)
	}
	s.killed[p.name] = true
	s.forget(p)
}

func (s *scene) forget(p *process) {
	for i, q := range s.living {
		if q == p {
			s.living = append(s.living[:i], s.living[i+1:]...)
			return
		}
	}
}

func (s *scene) killAll() {
	for _, p := range s.living {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// stop ends the processes of a role in good order.
func (s *scene) stop(role string) {
	s.Helper()
	for _, p := range append([]*process(nil), s.living...) {
		if p.role != role {
			continue
		}
		_ = p.stdin.Close()
		if err := p.cmd.Wait(); err != nil {
			s.Errorf("%s: %v\n%s", p.name, err, p.output)
		}
		s.forget(p)
	}
}

// drained waits until nothing is left to do, which must not take long: what the
// killed had in hand goes to others when their leases end.
func (s *scene) drained() {
	s.Helper()
	e := s.env()
	start := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		open := int64(0)
		stats, err := e.Queues.Stats(e.ctx, nil)
		e.ok(err, "stats")
		for _, st := range stats {
			open += st.Ready + st.Delayed + st.Waiting + st.Leased
		}
		if s.drain = time.Since(start); open == 0 {
			return
		}
		if s.drain > crashRecovery {
			s.Errorf("%s after the last kill %d tasks have not ended", s.drain.Round(time.Second), open)
			return
		}
	}
}

// env is the store as the test itself sees it.
func (s *scene) env() *env {
	s.Helper()
	b, err := runtime.Open(s.Context(), s.url, runtime.OpenOptions{})
	if err != nil {
		s.Fatalf("open %s: %v", s.url, err)
	}
	s.Cleanup(func() { _ = b.Close() })
	return &env{T: s.T, Backend: b, ctx: s.Context()}
}
