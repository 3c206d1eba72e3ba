//go:build unix

package cli

import (
	"syscall"
	"time"
)

// processCPU is the CPU time that this process has used, in user and system
// mode; negative when the system does not tell.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return -1
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
