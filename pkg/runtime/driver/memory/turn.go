package memory

import "github.com/stem-jobs/stem/pkg/runtime"

// next returns the ready task that r is served next, or nil.
func (s *store) next(qs []runtime.QueueShare, weighted bool) *task {
	if weighted {
		return s.nextByWeight(qs)
	}
	for _, share := range qs {
		if q := s.queues[share.Queue]; q != nil {
			if t := q.first(); t != nil {
				return t
			}
		}
	}
	return nil
}

// nextByWeight takes turns among the queues that have something: each gains its
// weight, the richest is served and pays what all have gained. Over time every
// queue gets its share, and the turns are spread evenly ("smooth weighted round
// robin", as nginx does it). A queue without a weight has the weight 1.
func (s *store) nextByWeight(qs []runtime.QueueShare) *task {
	var richest *queue
	total := 0
	for _, share := range qs {
		q := s.queues[share.Queue]
		if q == nil || q.stat.Ready == 0 {
			continue
		}
		w := max(share.Weight, 1)
		q.credit += w
		total += w
		if richest == nil || q.credit > richest.credit {
			richest = q
		}
	}
	if richest == nil {
		return nil
	}
	richest.credit -= total
	return richest.first()
}

func weighted(qs []runtime.QueueShare) bool {
	for _, q := range qs {
		if q.Weight > 0 {
			return true
		}
	}
	return false
}
