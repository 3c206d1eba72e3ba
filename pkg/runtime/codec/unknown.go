package codec

import (
	"fmt"
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// UnknownError is returned for a payload whose encoder is not registered here.
// errors.Is finds ErrUnsupported in it.
type UnknownError struct {
	ID    string
	Known []string
}

// Error names the id and the known ones.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("no encoder %q; known are %s", e.ID, strings.Join(e.Known, ", "))
}

// Unwrap gives the error its code and hint.
func (e *UnknownError) Unwrap() error {
	return &runtime.Error{
		Code:    runtime.CodeUnsupported,
		Message: "payload encoding is unknown",
		Hint:    "register the encoder in every program that enqueues, runs or reads such tasks",
	}
}
