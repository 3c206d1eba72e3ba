// Package codec encodes the payloads of tasks, arguments and results, by the
// id of an encoder: "json" leaves them as they are, "gzip" makes large ones
// small, and a program can add its own (encryption, a blob store).
//
// The id travels with the payload: in the header stem-args-encoder of an
// envelope and in the field encoder of a result record. Whoever meets an id it
// does not know gets an error that names it and those it knows; nothing is ever
// decoded with another encoder by default.
//
// It is not about how an envelope itself is written; that is
// runtime.Envelope. It imports pkg/runtime and the standard library. Start
// reading at registry.go.
package codec
