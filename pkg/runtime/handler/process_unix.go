//go:build unix

package handler

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// canLink: descriptors 3 and 4 can be handed to a program.
const canLink = true

var terminateSignal os.Signal = syscall.SIGTERM

func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
}

// signalGroup signals every member of the group that p leads. That it is gone
// is what the caller wants or will see.
func signalGroup(p *os.Process, s os.Signal) {
	_ = syscall.Kill(-p.Pid, s.(syscall.Signal))
}

// parseSignal reads "USR1" or "SIGUSR1"; "" is nil.
func parseSignal(name string) (os.Signal, error) {
	if name == "" {
		return nil, nil
	}
	full := strings.ToUpper(name)
	if !strings.HasPrefix(full, "SIG") {
		full = "SIG" + full
	}
	if s := unix.SignalNum(full); s != 0 {
		return s, nil
	}
	return nil, &runtime.Error{
		Code: runtime.CodeInvalid, Message: fmt.Sprintf("exec: no signal %q on this system", name), Hint: "use a name like USR1 or TERM",
	}
}

// killedBy returns the name of the signal that ended a process, or "".
func killedBy(state *os.ProcessState) string {
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return ""
	}
	if name := unix.SignalName(status.Signal()); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", status.Signal())
}
