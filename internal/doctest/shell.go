//go:build unix

package doctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// commandLimit is how long a command of a page may take.
const commandLimit = time.Minute

// shell runs the commands of one page in one directory.
type shell struct {
	dir        string
	env        []string
	background []*background
}

type background struct {
	block  Block
	line   int
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan struct{}
}

// newShell makes a shell whose commands find stem in bin and see nothing of the caller's own configuration.
func newShell(bin, dir string) *shell {
	env := []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb", "LC_ALL=C.UTF-8"}
	for _, name := range []string{"GOROOT", "GOPATH", "GOCACHE", "GOMODCACHE", "GOFLAGS", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return &shell{dir: dir, env: env}
}

// run runs a command to its end and returns what it printed on both streams and its exit code. It goes through a file:
// a process that the command leaves behind may hold a pipe open for ever.
func (s *shell) run(name string, args ...string) (string, int, error) {
	out, err := os.CreateTemp("", "doctest-*")
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	cmd := s.command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	printed, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		return "", 0, readErr
	}
	if ctx.Err() != nil {
		return string(printed), 0, fmt.Errorf("still running after %s", commandLimit)
	}
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return string(printed), ended.ExitCode(), nil
	}
	return string(printed), 0, err
}

// command prepares a command in a process group of its own, so that all it starts can be ended with it.
func (s *shell) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// start leaves a command running until the page ends.
func (s *shell) start(b Block, st step) []string {
	bg := &background{block: b, line: st.line, ended: make(chan struct{})}
	bg.cmd = s.command(context.Background(), "sh", "-c", st.command)
	bg.cmd.Stdout, bg.cmd.Stderr = &bg.output, &bg.output
	if err := bg.cmd.Start(); err != nil {
		return []string{b.problem(st.line, "%s: %v", st.command, err)}
	}
	go func() {
		defer close(bg.ended)
		bg.cmd.Wait() //nolint:errcheck // how it ended is in ProcessState
	}()
	s.background = append(s.background, bg)
	return nil
}

// endedEarly names the background commands that are no longer running.
func (s *shell) endedEarly() []string {
	var problems []string
	for _, bg := range s.background {
		select {
		case <-bg.ended:
			problems = append(problems, bg.block.problem(bg.line, "ended before the page: %s\n%s", bg.cmd.ProcessState, bg.output.String()))
		default:
		}
	}
	return problems
}

// close asks the background commands to end, and ends them when they do not.
func (s *shell) close() {
	for _, bg := range s.background {
		syscall.Kill(-bg.cmd.Process.Pid, syscall.SIGTERM) //nolint:errcheck // it may have ended already
		select {
		case <-bg.ended:
		case <-time.After(10 * time.Second):
			syscall.Kill(-bg.cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // as above
			<-bg.ended
		}
	}
}
