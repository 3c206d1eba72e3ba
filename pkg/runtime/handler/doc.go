// Package handler holds the runners: what turns a Go function, a program or a
// URL into the runtime.HandlerFunc that a worker calls. Draft of its parts:
//
//   - [Go]: a typed function (gofunc.go)
//   - [Exec]: a program (exec*.go), which talks to its host by the protocol of
//     protocol.go
//   - [HTTP]: a call of a URL (http*.go)
package handler
