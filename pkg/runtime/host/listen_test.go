//go:build unix

package host_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime/host"
)

// The OS's own signals arrive, and stop arriving when asked.
func TestListen(t *testing.T) {
	signals, stop := host.Listen()
	defer stop()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-signals:
		if s != syscall.SIGTERM {
			t.Errorf("got %s", s)
		}
	case <-time.After(10 * time.Second):
		t.Error("no signal came")
	}
}
