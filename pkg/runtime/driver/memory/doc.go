// Package memory keeps tasks in the memory of one process. It is the reference
// for what a store has to do: each file says one part of it in plain Go, and the
// property test holds the other drivers against it.
//
// It is for tests, for trying stem out, and for work that may be lost with the
// process. It is not durable and no other process can open it.
//
// How it works. A task is in exactly one place (place.go) and goes from one to
// another by move; end (end.go) is the one way out. Each place has the index
// that its question needs, so that no call looks at more tasks than it answers
// for:
//
//	ready    a line for each queue and priority        line.go, receive.go, turn.go
//	delayed  an agenda by due time                      heap.go, publish.go
//	waiting  a list for each limit, first come first    admit.go, limits.go
//	parked   a list for each queue and name             place.go
//	leased   a list for each worker, an agenda by end   receive.go, extend.go, settle.go
//	dead     a shelf, oldest first                      shelf.go, deadletters.go
//	done     a shelf, and an agenda by retention        entry.go, results.go
//
// What happens by the passing of time alone is in recover.go.
//
// Envelopes are stored encoded and decoded at each hand-out, the records of what
// is done are packed (pack.go), and bytes that come in or go out are copied. So
// nobody shares memory with the store, and what works with it works with a
// database.
//
// What is kept for ever: dead letters and groups without a deadline, until
// somebody decides about them; audit entries; messages of the bus that do not
// expire, until they are trimmed.
//
// Where to start reading: publish.go, receive.go, settle.go, end.go. The package
// imports pkg/runtime and the standard library.
package memory
