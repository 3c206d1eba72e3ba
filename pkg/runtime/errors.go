package runtime

import (
	"errors"
	"strings"
)

// Code classifies an error for programs. Codes are stable: they appear in JSON
// output and in stored records.
type Code string

// The codes, with what a caller should do about each.
const (
	CodeInvalid      Code = "invalid"      // the request is wrong; repeating it will not help
	CodeNotFound     Code = "not_found"    // no such task, queue, lock, ...
	CodeExists       Code = "exists"       // the id or name is taken
	CodeConflict     Code = "conflict"     // somebody changed it first; read again and retry
	CodeLeaseLost    Code = "lease_lost"   // the lease ended or moved on; stop working on it
	CodeFull         Code = "full"         // a bounded queue or the disk is full; retry later
	CodeUnavailable  Code = "unavailable"  // the store cannot be reached just now; safe to retry
	CodeUnsupported  Code = "unsupported"  // this store or build cannot do it
	CodeTimeout      Code = "timeout"      // the time allowed ran out
	CodeCorrupt      Code = "corrupt"      // stored data cannot be read
	CodeIncompatible Code = "incompatible" // stored by a newer version of stem
	CodeDenied       Code = "denied"       // permissions, read-only store
)

// Error is what every port and package of stem returns for a failure that a
// caller may want to tell apart.
//
//   - Message says what failed, verb first and without a trailing period
//     ("open store sqlite:///srv/stem.db"); it never holds a secret.
//   - Hint, when there is one, says what a person can do about it.
//   - errors.Is compares codes only: errors.Is(err, ErrLeaseLost) holds for
//     every error of that code.
type Error struct {
	Code    Code
	Op      string // "sqlite.Settle": where it happened, for logs
	Message string
	Hint    string
	Err     error
}

// Error joins the message and the cause.
func (e *Error) Error() string {
	var parts []string
	if e.Message != "" {
		parts = append(parts, e.Message)
	} else if e.Op != "" {
		parts = append(parts, e.Op)
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	if len(parts) == 0 {
		return string(e.Code)
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an *Error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Sentinels for errors.Is, one a code.
var (
	ErrInvalid      = &Error{Code: CodeInvalid}
	ErrNotFound     = &Error{Code: CodeNotFound}
	ErrExists       = &Error{Code: CodeExists}
	ErrConflict     = &Error{Code: CodeConflict}
	ErrLeaseLost    = &Error{Code: CodeLeaseLost}
	ErrFull         = &Error{Code: CodeFull}
	ErrUnavailable  = &Error{Code: CodeUnavailable}
	ErrUnsupported  = &Error{Code: CodeUnsupported}
	ErrTimeout      = &Error{Code: CodeTimeout}
	ErrCorrupt      = &Error{Code: CodeCorrupt}
	ErrIncompatible = &Error{Code: CodeIncompatible}
	ErrDenied       = &Error{Code: CodeDenied}
)

// Errorf is short for an *Error with a code and a message.
func Errorf(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// CodeOf returns the code of the first *Error in err's chain, or "" when there
// is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// HintOf returns the first hint in err's tree, or "".
func HintOf(err error) string {
	if e, ok := err.(*Error); ok && e.Hint != "" {
		return e.Hint
	}
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		return HintOf(u.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range u.Unwrap() {
			if hint := HintOf(e); hint != "" {
				return hint
			}
		}
	}
	return ""
}
