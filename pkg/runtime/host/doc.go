// Package host runs roles (worker, beat, workflow runner, relay) in one process:
// it starts them, gives them OS signals and operators' commands, and stops them.
//
// Stopping escalates. The first SIGINT or SIGTERM is a warm drain, the second a
// soft one, the third a hard one; SIGQUIT is hard at once. Each announces what
// the next would do. A role that crashes stops the others warm.
//
// The package knows nothing of tasks or stores but the Bus that commands come
// on. It imports pkg/runtime and the standard library. Start reading at
// host.go; stop.go is the escalation, inbox.go the commands.
package host
