package handler_test

import (
	"syscall"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime/handler"
)

// A process that leaves the group is out of reach, but it must not hold up the
// task through the pipes it inherited.
func TestExecDoesNotWaitForDaemons(t *testing.T) {
	task, h := newTask(`{}`)
	h.logged = make(chan string, 10)
	script := `mkfifo up; setsid sh -c 'echo "daemon $$" >&2; echo >up; exec sleep 60' & read -r _ <up; echo 7`
	out, err := sh(t, handler.ExecSpec{Dir: t.TempDir()}, script)(t.Context(), task)
	if err != nil || string(out) != "7" {
		t.Fatalf("got %s, %v", out, err)
	}
	for _, pid := range pids(t, h.logged, 1) {
		if !alive(pid) {
			t.Errorf("daemon %d did not survive; then this test shows nothing", pid)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
