package worker

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"
)

const (
	slotLabel = "stem-slot"
	maxStack  = 8 << 10
)

// slot is the right to run one handler. Its goroutine carries a profiler label,
// set once for many tasks, by which its stack is found when a handler is stuck.
type slot struct {
	id  string
	ctx context.Context
	job *job // what runs in it, or nil; guarded by slots.mu
}

func newSlot(owner string, number int) *slot {
	id := owner + "/" + strconv.Itoa(number)
	return &slot{id: id, ctx: pprof.WithLabels(context.Background(), pprof.Labels(slotLabel, id))}
}

func (s *slot) label() { pprof.SetGoroutineLabels(s.ctx) }

// stacks returns the stacks of the goroutines of slots, by the slots' ids,
// including goroutines that their handlers have started. It stops the program
// for a moment, so it is for when somebody is stuck.
func stacks(of map[string]bool) map[string]string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return nil
	}
	found := map[string]string{}
	for block := range strings.SplitSeq(profile.String(), "\n\n") {
		id := labelOf(block)
		if of[id] {
			found[id] = strings.TrimLeft(cut(found[id]+"\n"+frames(block), maxStack), "\n")
		}
	}
	return found
}

// labelOf finds the slot's id in the line `# labels: {"stem-slot":"w/1"}`.
func labelOf(block string) string {
	_, rest, ok := strings.Cut(block, fmt.Sprintf("%q:", slotLabel))
	if !ok {
		return ""
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return ""
	}
	id, _ := strconv.Unquote(quoted)
	return id
}

// frames reduces lines like "#	0x4a	main.f+0x1	main.go:7" to "main.f main.go:7".
func frames(block string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(block, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != "#" || !strings.HasPrefix(fields[1], "0x") {
			continue
		}
		function, _, _ := strings.Cut(fields[2], "+0x")
		out.WriteString(function + " " + fields[3] + "\n")
	}
	return out.String()
}

// cut shortens s to at most n bytes, at a character's boundary.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
