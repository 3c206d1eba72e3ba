package handler

import (
	"os"
	"os/exec"
	goruntime "runtime"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime/handler/internal/watchdog"
)

// process is a started program and its process group.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when the program itself has ended
}

// startProcess starts cmd as the leader of a group of its own that dies with
// this process.
//
// The goroutine that starts it keeps its thread until the program has ended:
// Linux sends the parent-death signal when the thread that forked ends, not the
// process. It would sit in the wait for the program anyway.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	ownGroup(cmd)
	started := make(chan error, 1)
	go func() {
		goruntime.LockOSThread()
		defer goruntime.UnlockOSThread()
		defer close(p.exited)
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		err := watchdog.Guard(cmd.Process.Pid)
		if err != nil {
			p.kill() // nobody would end it if this process died
		}
		started <- err
		_ = cmd.Wait() // its exit code is in cmd.ProcessState
	}()
	return p, <-started
}

// kill ends the whole group at once.
func (p *process) kill() { signalGroup(p.cmd.Process, os.Kill) }

// terminate asks the whole group to end.
func (p *process) terminate() { signalGroup(p.cmd.Process, terminateSignal) }

// bury ends what the program left behind in its group. It comes right after the
// program was waited for: while the group has members the system gives its
// number to nobody, and a moment later it has not come round to it again.
func (p *process) bury() {
	p.kill()
	watchdog.Release(p.cmd.Process.Pid)
}

// drainTime is how long output is read after the group is gone. Only a process
// that has left the group can still hold a pipe open then.
const drainTime = time.Second
