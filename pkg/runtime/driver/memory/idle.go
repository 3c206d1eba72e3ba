package memory

import (
	"cmp"
	"slices"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// passSlots takes the slots from tasks that nobody takes, or a queue that is
// paused would block a limit for all others.
func (h *housekeeping) passSlots() {
	late := slices.DeleteFunc(h.idleHolders(), func(t *task) bool { return !passed(t.UpdatedAt.Add(runtime.SlotHold), h.now) })
	h.note(len(late) >= h.Max)
	for _, t := range late[:min(len(late), h.Max)] {
		h.freeSlots(t)
		h.touch(t)
	}
}

// idleHolders are the tasks in the line that hold slots which others wait for,
// in the order of the line.
func (s *store) idleHolders() []*task {
	var out []*task
	for _, l := range s.limits {
		if l.waiting.n == 0 {
			continue
		}
		for t := range l.holders {
			if t.Place == runtime.PlaceReady {
				out = append(out, t)
			}
		}
	}
	slices.SortFunc(out, func(a, b *task) int { return cmp.Compare(a.seq, b.seq) })
	return slices.Compact(out)
}
