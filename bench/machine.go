package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// machine describes where and with what a table was made.
type machine struct {
	Date     time.Time         `json:"date"`
	CPU      string            `json:"cpu"`
	Cores    int               `json:"cores"`
	MemoryGB float64           `json:"memoryGB"`
	OS       string            `json:"os"`
	Go       string            `json:"go"`
	Files    string            `json:"files"` // the file system under the stores
	Versions map[string]string `json:"versions"`
}

// reported are the modules whose versions the table names.
var reported = []string{
	"github.com/riverqueue/river",
	"github.com/riverqueue/river/riverdriver/riversqlite",
	"github.com/mikestefanello/backlite",
	"modernc.org/sqlite",
}

// thisMachine describes the machine and the file system under dir; an empty dir is the temporary one.
func thisMachine(dir string) machine {
	m := machine{
		Date:     time.Now().UTC().Truncate(time.Minute),
		CPU:      procValue("/proc/cpuinfo", "model name"),
		Cores:    runtime.NumCPU(),
		OS:       runtime.GOOS + "/" + runtime.GOARCH,
		Go:       runtime.Version(),
		Files:    fileSystem(cmp.Or(dir, os.TempDir())),
		Versions: map[string]string{},
	}
	var kb float64
	if _, err := fmt.Sscanf(procValue("/proc/meminfo", "MemTotal"), "%f", &kb); err == nil {
		m.MemoryGB = kb / (1 << 20)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			m.Versions[dep.Path] = dep.Version
		}
	}
	return m
}

// lines describes m in a list for the report.
func (m machine) lines() []string {
	lines := []string{
		m.Date.Format("2006-01-02 15:04 UTC"),
		fmt.Sprintf("%s, %d cores, %.0f GB, %s, %s; stores on %s", m.CPU, m.Cores, m.MemoryGB, m.OS, m.Go, m.Files),
	}
	var versions []string
	for _, path := range reported {
		if v := m.Versions[path]; v != "" {
			versions = append(versions, path+" "+v)
		}
	}
	return append(lines, strings.Join(versions, ", "))
}

// fileSystem names the type of the mount that holds dir.
func fileSystem(dir string) string {
	kind, longest := "an unknown file system", -1
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return kind
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return kind
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line) // device, mount point, type, …
		if len(fields) < 3 || len(fields[1]) <= longest {
			continue
		}
		if rel, err := filepath.Rel(fields[1], dir); err == nil && filepath.IsLocal(rel) {
			kind, longest = fields[2], len(fields[1])
		}
	}
	return kind
}

// procValue reads the first line "key: value" of a file under /proc; empty where there is none.
func procValue(file, key string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if k, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(k) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
