//go:build unix

package handler_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/handler"
)

// family is a line of shell that starts a child, a grandchild, and an orphan
// that has left its parent (but not the group), and says the number of each.
// All of them ignore SIGTERM when ignore is set.
func family(ignore bool) string {
	trap := ""
	if ignore {
		trap = `trap '' TERM; `
	}
	return trap + `
		echo "me $$" >&2
		sh -c '` + trap + `echo "child $$" >&2; sh -c "echo grandchild \$\$ >&2; while :; do sleep 1; done" & wait' &
		( sh -c 'echo "orphan $$" >&2; while :; do sleep 1; done' & )
		while :; do sleep 1; done`
}

// pids waits for n "word number" lines and returns the numbers.
func pids(t *testing.T, lines <-chan string, n int) []int {
	t.Helper()
	var out []int
	deadline := time.After(20 * time.Second)
	for len(out) < n {
		select {
		case line := <-lines:
			fields := strings.Fields(line)
			if len(fields) != 2 {
				t.Fatalf("unexpected line %q", line)
			}
			pid, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, pid)
		case <-deadline:
			t.Fatalf("only %d of %d processes reported", len(out), n)
		}
	}
	return out
}

// alive reports whether a process runs. One that is dead but not reaped, because
// nobody in a container does it, is dead.
func alive(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		_, after, _ := strings.Cut(string(stat), ") ")
		return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
	}
	return syscall.Kill(pid, 0) == nil
}

func allGone(t *testing.T, pids []int) {
	t.Helper()
	eventually(t, fmt.Sprintf("the end of processes %v", pids), func() bool {
		for _, pid := range pids {
			if alive(pid) {
				return false
			}
		}
		return true
	})
}

func TestExecCancelEndsTheGroup(t *testing.T) {
	for _, ignore := range []bool{false, true} {
		t.Run(fmt.Sprintf("ignores SIGTERM %v", ignore), func(t *testing.T) {
			task, h := newTask(`{}`)
			h.logged = make(chan string, 10)
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan error)
			go func() {
				_, err := sh(t, handler.ExecSpec{Grace: 300 * time.Millisecond}, family(ignore))(ctx, task)
				done <- err
			}()
			processes := pids(t, h.logged, 4)
			start := time.Now()
			cancel(runtime.CauseHardLimit)
			err := <-done
			if !errors.Is(err, runtime.CauseHardLimit) || !strings.HasPrefix(err.Error(), "sh was stopped: ") {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); ignore && took < 300*time.Millisecond {
				t.Errorf("killed after %s, before the grace was over", took)
			}
			allGone(t, processes)
		})
	}
}

func TestExecStoppedIsNoSuccess(t *testing.T) {
	task, h := newTask(`{}`)
	h.logged = make(chan string, 10)
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() {
		_, err := sh(t, handler.ExecSpec{}, `trap 'exit 0' TERM; echo "me $$" >&2; while :; do sleep 0.01; done`)(ctx, task)
		done <- err
	}()
	pids(t, h.logged, 1)
	cancel(runtime.CauseShutdown)
	if err := <-done; !errors.Is(err, runtime.CauseShutdown) {
		t.Errorf("a program that exits with 0 on SIGTERM counts as %v", err)
	}
}

func TestExecLeavesNothingBehind(t *testing.T) {
	task, h := newTask(`{}`)
	h.logged = make(chan string, 10)
	// The stray holds stdout and stderr open; the result must not wait for it.
	script := `mkfifo up; sh -c 'echo "stray $$" >&2; echo >up; exec sleep 100' & read -r _ <up; echo 7`
	start := time.Now()
	out, err := sh(t, handler.ExecSpec{Dir: t.TempDir()}, script)(t.Context(), task)
	if err != nil || string(out) != "7" {
		t.Fatalf("got %s, %v", out, err)
	}
	if took := time.Since(start); took > 50*time.Second {
		t.Errorf("took %s: it waited for the stray", took)
	}
	allGone(t, pids(t, h.logged, 1))
}

func TestExecGroupDiesWithTheWorker(t *testing.T) {
	worker := exec.Command(os.Args[0])
	worker.Env = append(os.Environ(), "HANDLER_TEST_SCRIPT="+family(true))
	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 10)
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			lines <- in.Text()
		}
	}()
	processes := pids(t, lines, 4)
	for _, pid := range processes {
		if !alive(pid) {
			t.Fatalf("process %d died before its worker", pid)
		}
	}
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = worker.Wait()
	allGone(t, processes)
}

func TestExecSoftLimit(t *testing.T) {
	task, h := newTask(`{}`)
	h.soft = make(chan struct{})
	h.logged = make(chan string, 10)
	done := make(chan string)
	go func() {
		script := `trap 'read -r hello <&4; read -r notice <&4; echo "$notice"; exit 0' USR1; echo "me $$" >&2; while :; do sleep 0.01; done`
		out, err := sh(t, handler.ExecSpec{SoftSignal: "usr1", Result: "json"}, script)(t.Context(), task)
		done <- fmt.Sprintf("%s %v", out, err)
	}()
	pids(t, h.logged, 1)
	close(h.soft)
	if got := <-done; got != `{"type":"soft"} <nil>` {
		t.Errorf("got %s", got)
	}
}

func TestExecCancelledBeforeItStarts(t *testing.T) {
	task, _ := newTask(`{}`)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(runtime.CauseRevoked)
	marker := filepath.Join(t.TempDir(), "ran")
	if _, err := sh(t, handler.ExecSpec{}, `touch `+marker)(ctx, task); !errors.Is(err, runtime.CauseRevoked) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the program ran")
	}
}
