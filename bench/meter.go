package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// meter measures a stretch of this process: wall clock, CPU time, and what others used meanwhile.
type meter struct {
	began time.Time
	cpu   time.Duration // of this process
	busy  time.Duration // of the whole machine
}

// usage is what a meter read.
type usage struct {
	wall  time.Duration
	cpu   time.Duration
	other float64 // CPU used by other processes, in percent of one core
}

func startMeter() meter {
	return meter{began: time.Now(), cpu: processCPU(), busy: machineCPU()}
}

func (m meter) stop() usage {
	u := usage{wall: time.Since(m.began), cpu: processCPU() - m.cpu}
	if busy := machineCPU() - m.busy; busy > 0 && u.wall > 0 {
		u.other = max(0, 100*(busy-u.cpu).Seconds()/u.wall.Seconds())
	}
	return u
}

// processCPU is the user and system time of this process.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// machineCPU is the busy time of all cores since boot; zero where there is no /proc.
func machineCPU() time.Duration {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := strings.Fields(string(line))
	const idle, iowait = 4, 5
	var ticks int
	for i, f := range fields {
		n, err := strconv.Atoi(f)
		if i == 0 || i == idle || i == iowait || i > 8 || err != nil { // later fields are counted in the earlier
			continue
		}
		ticks += n
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	return time.Duration(ticks) * tick
}

// memoryMB reads a line of /proc/self/status in megabytes: VmRSS is now, VmHWM the peak. Zero where
// there is no /proc.
func memoryMB(key string) float64 {
	var kb float64
	if _, err := fmt.Sscanf(procValue("/proc/self/status", key), "%f", &kb); err != nil {
		return 0
	}
	return kb / 1024
}
