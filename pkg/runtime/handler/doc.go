// Package handler holds the runners: what turns a Go function, a program or a
// URL into the runtime.HandlerFunc that a worker calls.
//
//	Go[A, R]   a typed function     gofunc.go
//	Exec       a program            exec.go, exec_*.go, process*.go
//	HTTP       a call of a URL      http.go, http_*.go
//
// What a failure means is decided here, in the words of pkg/runtime: permanent
// (the same input cannot succeed), an explicit retry (the program or the service
// says when), or a plain error, which the task's retry policy judges. Each has a
// name that policies can mention: "exit-3", "signal-SIGSEGV", "http-503".
//
// # Programs
//
// A program gets the arguments on stdin and answers on stdout; that is all most
// need. What it may say besides is the host protocol: JSON lines on descriptor 3
// to its host and on descriptor 4 from it ([Message], protocol.go; link.go is
// the host's end). The same messages will serve a pool of child processes, for
// which reason they are plain data and know nothing of exec.
//
// A program leads a process group of its own, and nothing of the group survives
// the attempt:
//
//   - the context ends (hard limit, revocation, shutdown, lease lost): a notice
//     on descriptor 4, SIGTERM to the group, SIGKILL after the grace
//   - the program ends and leaves something running: SIGKILL to the group
//   - it prints without end: SIGKILL, and the failure is permanent
//   - the worker is killed: SIGKILL to the group, by the watchdog
//     (internal/watchdog, where the why is told); on Linux the program itself
//     also dies by the parent-death signal
//
// A process that leaves its group on purpose (setsid) is out of reach, as it is
// for a shell. On Windows there are neither groups nor the protocol: the program
// alone is ended, and what it started is not.
//
// # What it is not
//
// It does not decide about retries, limits or records; that is the worker. It
// reads no configuration: specs are plain structs.
//
// It may import pkg/runtime, runtime/client, the standard library and
// golang.org/x/sys. Where to start reading: exec.go, then protocol.go; http.go.
package handler
