//go:build unix

package watchdog

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

// name is what the watchdog is called in a list of processes, and how its init
// function knows what it is.
const name = "stem-exec-watchdog"

// dog is the one watchdog of this process; pipe is nil until there is one.
var dog struct {
	sync.Mutex
	pipe    *os.File
	process *os.Process
	groups  map[int]bool
}

// Guard has the process group killed when this process dies.
//
//   - Errors: when no watchdog can be started; then nothing is guarded.
//   - Concurrency: safe from many goroutines.
func Guard(group int) error {
	dog.Lock()
	defer dog.Unlock()
	if dog.groups == nil {
		dog.groups = map[int]bool{}
	}
	dog.groups[group] = true
	if err := tell('+', group); err != nil {
		delete(dog.groups, group)
		return err
	}
	return nil
}

// Release ends the guard of a group that is gone.
func Release(group int) {
	dog.Lock()
	defer dog.Unlock()
	delete(dog.groups, group)
	// Without a watchdog there is nothing to take back; the next Guard reports
	// why none can be started.
	_ = tell('-', group)
}

// tell writes one order. A watchdog that does not read any more was killed, and
// another takes its place and all groups.
func tell(order byte, group int) error {
	if dog.pipe != nil {
		if write(order, group) == nil {
			return nil
		}
		dog.pipe.Close()
		dog.pipe = nil
		dog.process.Wait() // so that it does not stay as a zombie
	}
	if len(dog.groups) == 0 {
		return nil
	}
	if err := start(); err != nil {
		return fmt.Errorf("start the watchdog of programs: %w", err)
	}
	for g := range dog.groups {
		if err := write('+', g); err != nil {
			return fmt.Errorf("register a program with its watchdog: %w", err)
		}
	}
	return nil
}

// write sends one line, which is short enough to be atomic.
func write(order byte, group int) error {
	_, err := fmt.Fprintf(dog.pipe, "%c%d\n", order, group)
	return err
}

func start() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		w.Close()
		return err
	}
	defer null.Close()
	path, err := executable()
	if err != nil {
		w.Close()
		return err
	}
	// It holds neither our output, which a pipeline may wait for, nor our
	// directory, nor our process group, which a terminal may signal.
	p, err := os.StartProcess(path, []string{name}, &os.ProcAttr{
		Dir: "/", Files: []*os.File{r, null, null}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		w.Close()
		return err
	}
	dog.pipe, dog.process = w, p
	return nil
}

// executable is this program. On Linux the link works also when the file has
// been replaced by an upgrade or deleted.
func executable() (string, error) {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return self, nil
	}
	return os.Executable()
}
