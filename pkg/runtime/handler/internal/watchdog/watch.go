//go:build unix

package watchdog

import (
	"bufio"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func init() {
	if len(os.Args) != 1 || os.Args[0] != name {
		return
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	for group := range watch(os.Stdin) {
		_ = syscall.Kill(-group, syscall.SIGKILL) // it may be gone already
	}
	syscall.Exit(0) // before main: this process is nothing but the watchdog
}

// watch reads orders until their writer is gone and returns the groups that
// were still guarded then.
func watch(orders io.Reader) map[int]bool {
	groups := map[int]bool{}
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		line := lines.Text()
		if len(line) < 2 {
			continue
		}
		group, err := strconv.Atoi(line[1:])
		switch {
		case err != nil || group <= 1: // never everybody, never init
		case line[0] == '+':
			groups[group] = true
		case line[0] == '-':
			delete(groups, group)
		}
	}
	return groups
}
