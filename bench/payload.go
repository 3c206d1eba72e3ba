package main

import (
	"strconv"
	"time"
)

// Payload is the argument of every task: about 90 bytes of JSON, decoded in the handler by all systems.
type Payload struct {
	Seq  int    `json:"seq"` // names the task in the ledger; unique within a store
	At   int64  `json:"at"`  // Unix time in nanoseconds, just before the call that enqueued it
	To   string `json:"to"`
	Kind string `json:"kind"`
}

// Output is the small result that every handler returns.
type Output struct {
	Seq   int `json:"seq"`
	Chars int `json:"chars"`
}

// newPayloads returns n payloads that start at seq, stamped with the present time.
func newPayloads(seq, n int) []Payload {
	now := time.Now().UnixNano()
	payloads := make([]Payload, n)
	for i := range payloads {
		payloads[i] = Payload{
			Seq:  seq + i,
			At:   now,
			To:   "user-" + strconv.Itoa(10_000_000+seq+i) + "@example.org",
			Kind: "welcome",
		}
	}
	return payloads
}

// work is the handler body that all systems share: it does nothing but look at what was decoded.
func (p Payload) work() Output { return Output{Seq: p.Seq, Chars: len(p.To)} }
