package memory

import "time"

// setBack follows a clock that has been set back. Leases and booked rates last
// for a time, not until a time: a worker that dies now would be taken for alive,
// and a limit would grant nothing, until the old time has come again. All move
// by the same, so that their order stays.
func (s *store) setBack(by time.Duration) {
	for _, t := range s.leases.items {
		t.leaseUntil = t.leaseUntil.Add(-by)
	}
	for _, l := range s.rates.items {
		l.tat = l.tat.Add(-by)
	}
}
