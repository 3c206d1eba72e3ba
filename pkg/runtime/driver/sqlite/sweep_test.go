package sqlite

import (
	"fmt"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// A sweep looks at some limits only, and the next at those behind them: however
// many are in use, those that are not go.
func TestSweepOfLimitsGoesRound(t *testing.T) {
	st := openInside(t, newURL(t))
	const n, max = 35, 10
	for i := range n {
		damage(t, st, `INSERT INTO stem_limits (key, declared) VALUES (?, '{}')`, fmt.Sprintf("k%02d", i))
		if i < 2*max {
			damage(t, st, `INSERT INTO stem_slots (key, seq, since) VALUES (?, 1, 0)`, fmt.Sprintf("k%02d", i))
		}
	}
	var at round
	sweep := func() (left int64) {
		t.Helper()
		err := st.write(t.Context(), "sweep", func(s *step) error {
			h := housekeeping{step: s, Recover: runtime.Recover{Max: max}, limits: &at}
			if err := h.sweepLimits(); err != nil {
				return err
			}
			_, err := one(s, `SELECT count(*) FROM stem_limits`, func(r row) { left = r.int(0) })
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	for i, want := range []int64{n, n, n - max, 2 * max} {
		if left := sweep(); left != want {
			t.Errorf("after sweep %d: %d limits; want %d", i+1, left, want)
		}
	}
	damage(t, st, `DELETE FROM stem_slots`)
	for range 4 {
		sweep()
	}
	if left := sweep(); left != 0 {
		t.Errorf("%d limits that nobody uses are left", left)
	}
}
