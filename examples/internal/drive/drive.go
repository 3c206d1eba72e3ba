//go:build unix

// Package drive runs stem binaries as a person would, for the tests of the
// examples: a command to its end, a worker in the background until it is told to
// stop. It is no part of what the examples show.
//
// It imports the standard library only. Start reading at Build.
package drive

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long any one command may take.
const patience = time.Minute

// Program is a built binary and the place where its commands run: an empty
// directory, with the store in it.
type Program struct {
	t   *testing.T
	bin string
	dir string
	env []string
}

// Build compiles a main package of the module. env are variables for its
// commands ("STEM_CONFIG=/srv/stem.yaml"); they see no other STEM_ variable.
func Build(t *testing.T, pkg string, env ...string) *Program {
	t.Helper()
	p := &Program{t: t, bin: filepath.Join(t.TempDir(), "stem"), dir: t.TempDir()}
	if out, err := exec.Command("go", "build", "-o", p.bin, pkg).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "STEM_") {
			p.env = append(p.env, pair)
		}
	}
	p.env = append(p.env, "STEM_STORE=sqlite:"+filepath.Join(p.dir, "stem.db"))
	p.env = append(p.env, env...)
	return p
}

func (p *Program) command(args ...string) *exec.Cmd {
	c := exec.Command(p.bin, args...)
	c.Dir, c.Env = p.dir, p.env
	return c
}

// Run runs a command to its end, which must be a success, and returns what it
// printed on standard output.
func (p *Program) Run(args ...string) string {
	p.t.Helper()
	out, stderr, code := p.Try(args...)
	if code != 0 {
		p.t.Fatalf("stem %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, stderr)
	}
	return out
}

// Try runs a command to its end, whatever it is.
func (p *Program) Try(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	c := p.command(args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	stop := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
	defer stop.Stop()
	if err := c.Run(); c.ProcessState == nil {
		p.t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// Start runs a command until the returned function stops it, by SIGTERM; it must
// then end with code 0. What it printed is shown when the test fails.
func (p *Program) Start(args ...string) (stop func()) {
	p.t.Helper()
	c := p.command(args...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	stopped := false
	stop = func() {
		p.t.Helper()
		if stopped {
			return
		}
		stopped = true
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended, which Wait tells
		kill := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
		defer kill.Stop()
		if err := c.Wait(); err != nil {
			p.t.Errorf("stem %s: %v", strings.Join(args, " "), err)
		}
		if p.t.Failed() {
			p.t.Logf("stem %s printed:\n%s", strings.Join(args, " "), out.String())
		}
	}
	p.t.Cleanup(stop)
	return stop
}
