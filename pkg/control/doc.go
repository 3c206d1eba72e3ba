// Package control is what an operator asks of a running system and how it
// answers: why a task does not run (Explain), whether everything is well
// (Health), who is there (Ping).
//
// It only reads ports and sends commands; the roles obey them. It prints
// nothing. It imports runtime and runtime/client.
//
// Start reading at Explain.
package control
