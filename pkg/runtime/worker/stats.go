package worker

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// stats counts what a shift has done.
type stats struct {
	succeeded, failed, retried, cancelled, released, parked atomic.Int64

	deferred  atomic.Int64 // by a rate or a slot limit
	unlimited atomic.Int64 // ran although their limits could not be asked
	leaseLost atomic.Int64
	late      atomic.Int64 // handlers that returned after their task was decided
	renewed   atomic.Int64 // time of the last renewal of leases, in Unix nanoseconds

	rates rates
}

// ended counts a settled task.
func (t *stats) ended(queue string, o runtime.Outcome) {
	switch o {
	case runtime.Succeeded:
		t.succeeded.Add(1)
	case runtime.Retried:
		t.retried.Add(1)
	case runtime.Dead:
		t.failed.Add(1)
	case runtime.Cancelled:
		t.cancelled.Add(1)
	case runtime.Released:
		t.released.Add(1)
		return // it was not worked on
	case runtime.Parked:
		t.parked.Add(1)
		return
	}
	t.rates.count(queue, time.Now())
}

// report is a heartbeat with the counts that only those want who ask for them.
//
//   - Released tasks went back at a stop or a pause, Deferred ones because of a
//     rate or slot limit, Parked ones because they are unknown here.
//   - Unlimited ran although their limits could not be asked.
//   - Late counts handlers that returned after their task had been decided.
type report struct {
	runtime.Heartbeat
	Cancelled int64 `json:"cancelled"`
	Released  int64 `json:"released"`
	Parked    int64 `json:"parked"`
	Deferred  int64 `json:"deferred"`
	Unlimited int64 `json:"unlimited"`
	Late      int64 `json:"late"`
}

func (s *shift) report() report {
	t := &s.stats
	return report{
		Heartbeat: s.heartbeat(),
		Cancelled: t.cancelled.Load(), Released: t.released.Load(), Parked: t.parked.Load(),
		Deferred: t.deferred.Load(), Unlimited: t.unlimited.Load(), Late: t.late.Load(),
	}
}

const (
	rateWindow  = time.Minute
	rateBucket  = 5 * time.Second
	rateBuckets = int64(rateWindow/rateBucket) + 1 // the current one is not full
)

// rates counts settled tasks by queue over the last minute. The zero value is
// ready.
type rates struct {
	mu      sync.Mutex
	begun   time.Time
	buckets [rateBuckets]map[string]int
	at      int64 // number of the current bucket since the epoch
}

func (r *rates) count(queue string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.advance(now)
	b := &r.buckets[r.at%rateBuckets]
	if *b == nil {
		*b = map[string]int{}
	}
	(*b)[queue]++
}

// advance clears the buckets whose time has passed.
func (r *rates) advance(now time.Time) {
	at := now.UnixNano() / int64(rateBucket)
	if r.begun.IsZero() {
		r.begun, r.at = now, at
	}
	for ; r.at < at; r.at++ {
		if at-r.at > rateBuckets {
			r.at = at - rateBuckets // a long sleep: all are stale
		}
		clear(r.buckets[(r.at+1)%rateBuckets])
	}
}

// perSecond returns tasks a second by queue; a worker younger than a minute is
// measured over its age.
func (r *rates) perSecond(now time.Time) map[string]float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun.IsZero() {
		return nil
	}
	r.advance(now)
	span := rateWindow + time.Duration(now.UnixNano()%int64(rateBucket))
	over := min(max(now.Sub(r.begun), time.Second), span).Seconds()
	sums := map[string]float64{}
	for _, b := range r.buckets {
		for queue, n := range b {
			sums[queue] += float64(n) / over
		}
	}
	maps.DeleteFunc(sums, func(_ string, v float64) bool { return v == 0 })
	return sums
}
