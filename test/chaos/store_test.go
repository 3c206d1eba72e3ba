package chaos

import (
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
)

// open opens the store of a place in this process.
func (p *place) open() *runtime.Backend {
	p.t.Helper()
	b, err := runtime.Open(p.t.Context(), p.store, runtime.OpenOptions{})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { b.Close() })
	return b
}

// counts is a queue in numbers; unfinished is what has not ended.
func counts(t *testing.T, b *runtime.Backend) (s runtime.QueueStat, unfinished int64) {
	t.Helper()
	stats, err := b.Queues.Stats(t.Context(), []string{"default"})
	if err != nil {
		t.Fatal(err)
	}
	s = stats[0]
	return s, s.Ready + s.Delayed + s.Waiting + s.Parked + s.Leased
}

// states returns what became of ids.
func states(t *testing.T, b *runtime.Backend, ids []string) map[string]runtime.TaskRecord {
	t.Helper()
	out := make(map[string]runtime.TaskRecord, len(ids))
	for len(ids) > 0 {
		n := min(500, len(ids))
		records, err := b.Results.Get(t.Context(), ids[:n])
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range records {
			out[ids[i]] = r
		}
		ids = ids[n:]
	}
	return out
}
