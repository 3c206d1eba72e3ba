//go:build !unix

package handler

import (
	"os"
	"os/exec"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// canLink: no descriptors beyond stderr can be handed to a program here.
const canLink = false

// Without signals a program cannot be asked, only ended.
var terminateSignal os.Signal = os.Kill

// ownGroup does nothing: this system has no process groups.
func ownGroup(*exec.Cmd) {}

// signalGroup reaches the program alone, not what it has started.
func signalGroup(p *os.Process, s os.Signal) { _ = p.Signal(s) }

func parseSignal(name string) (os.Signal, error) {
	if name == "" {
		return nil, nil
	}
	return nil, &runtime.Error{
		Code: runtime.CodeUnsupported, Message: "exec: this system has no signals", Hint: "leave soft_signal out",
	}
}

func killedBy(*os.ProcessState) string { return "" }
