package sqlite

import "github.com/stem-jobs/stem/pkg/runtime"

// A fence names a hand-out: the task's row number and the count of its
// deliveries in one number. Row numbers are never given out twice, so that the
// fences of an id grow even when its record has gone and the id comes back. The
// count begins again after a million hand-outs of one task.
const (
	fenceShift   = 20
	deliveryMask = 1<<fenceShift - 1
)

// handOut is the row and the delivery that a fence names.
type handOut struct{ seq, delivery int64 }

func newHandOut(seq, deliveries int64) handOut { return handOut{seq, deliveries & deliveryMask} }

func (h handOut) fence() uint64 { return uint64(h.seq<<fenceShift + h.delivery) }

func handOutOf(l runtime.Lease) handOut {
	return handOut{int64(l.Fence >> fenceShift), int64(l.Fence & deliveryMask)}
}
