//go:build unix

package watchdog

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	got := watch(strings.NewReader("+10\n+11\n-10\n\n+\nx\n+1\n+0\n+-5\n+12\n-99\n+13"))
	if left := slices.Sorted(maps.Keys(got)); !slices.Equal(left, []int{11, 12, 13}) {
		t.Errorf("left %v", left)
	}
}

// A watchdog that was killed is replaced, and its successor knows all groups.
func TestWatchdogIsReplaced(t *testing.T) {
	first := sleeper(t)
	if err := Guard(first.Process.Pid); err != nil {
		t.Fatal(err)
	}
	killWatchdog(t)
	second := sleeper(t)
	if err := Guard(second.Process.Pid); err != nil {
		t.Fatal(err)
	}
	// The end of the pipe is what the death of this process looks like to it.
	dog.Lock()
	dog.pipe.Close()
	dog.Unlock()
	for _, c := range []*exec.Cmd{first, second} {
		if err := c.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("got %v, want killed", err)
		}
	}
	dog.Lock()
	defer dog.Unlock()
	state, err := dog.process.Wait()
	if err != nil || !state.Success() {
		t.Errorf("the watchdog ended with %v, %v", state, err)
	}
	dog.pipe, dog.groups = nil, nil
}

// A group that was released survives its process.
func TestReleasedGroupIsLeftAlone(t *testing.T) {
	c := sleeper(t)
	if err := Guard(c.Process.Pid); err != nil {
		t.Fatal(err)
	}
	Release(c.Process.Pid)
	dog.Lock()
	dog.pipe.Close()
	_, err := dog.process.Wait()
	dog.pipe = nil
	dog.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the group is gone: %v", err)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
}

// killWatchdog kills it and waits until the kernel has closed its pipe.
func killWatchdog(t *testing.T) {
	t.Helper()
	dog.Lock()
	defer dog.Unlock()
	if err := dog.process.Kill(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case <-tick.C:
			if _, err := dog.pipe.WriteString("\n"); err != nil {
				return
			}
		case <-deadline:
			t.Fatal("the watchdog does not die")
		}
	}
}

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	c := exec.Command("sleep", "100")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Signal(os.Kill) })
	return c
}
