package chaos

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bench is the place of one test: a store and a ledger.
type place struct {
	t      *testing.T
	dir    string
	store  string
	ledger string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir := t.TempDir()
	return &place{t: t, dir: dir, store: "sqlite:" + dir + "/stem.db", ledger: dir + "/ledger.txt"}
}

// command is a stem process that has not been started.
func (p *place) command(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], append(args, "--store", p.store)...)
	c.Dir = p.dir
	c.Env = append(os.Environ(), envBinary+"=1", envLedger+"="+p.ledger)
	return c
}

// stem runs a command to its end.
func (p *place) stem(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	c := p.command(args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		p.t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// process is a running one that can be killed and frozen.
type process struct {
	cmd    *exec.Cmd
	stderr *tail
	done   chan struct{}
}

func (p *place) start(stdin io.Reader, stdout io.Writer, args ...string) *process {
	p.t.Helper()
	c := p.command(args...)
	x := &process{cmd: c, stderr: &tail{}, done: make(chan struct{})}
	c.Stdin, c.Stdout, c.Stderr = stdin, stdout, x.stderr
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		_ = c.Wait() // a killed process is no error here
		close(x.done)
	}()
	p.t.Cleanup(x.kill)
	return x
}

func (x *process) signal(s syscall.Signal) { _ = x.cmd.Process.Signal(s) } // it may have ended

func (x *process) kill() {
	x.signal(syscall.SIGKILL)
	<-x.done
}

// tail keeps the last lines that a process printed.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	scan := bufio.NewScanner(bytes.NewReader(b))
	for scan.Scan() {
		t.lines = append(t.lines, scan.Text())
	}
	t.lines = t.lines[max(0, len(t.lines)-40):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

// until waits for a condition, and fails the test with what after a deadline.
func until(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after %s: %s", limit, what)
		}
	}
}
