// Package runtimetest helps to test programs that use stem, and stem itself.
//
//	Run        runs one handler once, without store or worker    run.go, host.go
//	Recorder   a client whose tasks go nowhere and are kept      recorder.go
//	Inject     a store that fails, hangs or loses replies        faults.go, broker.go
//	Clock      a clock that stands still until it is told        clock.go
//
// It is for tests only; nothing in stem's binaries imports it. It imports
// pkg/runtime and the client.
package runtimetest
