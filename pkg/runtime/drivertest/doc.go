// Package drivertest is the conformance suite: what every driver of stem must
// do, as numbered cases that anybody can run against a driver of their own.
//
//	func TestConformance(t *testing.T) {
//		drivertest.Run(t, drivertest.Harness{Name: "mine", New: newStore})
//	}
//
//	func TestChaosCrash(t *testing.T) {
//		drivertest.Crash(t, drivertest.CrashHarness{Name: "mine", New: newURL})
//	}
//
// It has four tiers:
//
//   - Cases: one for each promise in the docstrings of pkg/runtime, in the file
//     of its port. A case has a store of its own and a clock that stands still
//     until the case moves it; the number in its name never changes.
//   - Concurrency: many producers and workers over several openings of a store,
//     and a ledger that must come out even.
//   - Property: random sequences of operations, run against the driver and a
//     model of it side by side. A failure prints the seed and a short sequence.
//     STEM_PROPERTY_RUNS=5000 runs that many, STEM_PROPERTY_SEED=n repeats one.
//   - Crash: real processes that are killed at random moments (Crash).
//     STEM_CRASH_TIME=10m goes on for that long.
//
// It is not a benchmark, and it does not test what lies above the ports:
// routing, encoding, retry arithmetic and handlers.
//
// A case may use nothing but the ports, so that what it demands can be read in
// pkg/runtime. It imports pkg/runtime and the standard library.
//
// Where to start reading: harness.go (what a driver hands in), env.go (the
// words that cases are written in), settle.go (a typical file of cases).
package drivertest
