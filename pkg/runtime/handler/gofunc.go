package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Go returns a handler that decodes the arguments into an A, calls f and
// encodes its result.
//
//   - Shapes: keys of the arguments that A lacks are ignored, so that a producer
//     may be newer than the worker. A is a struct or a map; an R of struct{} or
//     a nil pointer is fine.
//   - Errors: arguments of another shape and results that JSON cannot hold are
//     permanent (ErrInvalid, naming the field); errors of f pass as they are.
func Go[A, R any](f func(ctx context.Context, args A) (R, error)) runtime.HandlerFunc {
	return func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
		var args A
		if err := decodeArgs(t, &args); err != nil {
			return nil, err
		}
		result, err := f(ctx, args)
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(result)
		if err != nil {
			return nil, invalid("encode result of "+t.Name, "return plain data: no functions, channels or NaN", err)
		}
		return raw, nil
	}
}

func decodeArgs(t *runtime.Task, into any) error {
	args := t.Args
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	err := json.Unmarshal(args, into)
	if err == nil {
		return nil
	}
	what := "decode args of " + t.Name
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		field := "the whole"
		if wrong.Field != "" {
			field = "field " + wrong.Field
		}
		err = fmt.Errorf("%s: want %s, got %s", field, jsonWord(wrong.Type.Kind().String()), wrong.Value)
	}
	return runtime.Permanent(&namedError{&runtime.Error{
		Code: runtime.CodeInvalid, Message: what, Err: err, Hint: "correct the producer and enqueue the task again",
	}, runtime.ReasonDecode})
}

// jsonWord turns the kind of a Go type into what JSON calls it.
func jsonWord(kind string) string {
	switch kind {
	case "struct", "map":
		return "an object"
	case "slice", "array":
		return "an array"
	case "bool":
		return "true or false"
	case "string":
		return "a string"
	case "int", "int8", "int16", "int32", "int64":
		return "a whole number"
	case "uint", "uint8", "uint16", "uint32", "uint64":
		return "a whole number, not negative"
	case "float32", "float64":
		return "a number"
	}
	return kind
}

// invalid is a permanent failure: the same input cannot succeed.
func invalid(message, hint string, cause error) error {
	return runtime.Permanent(&runtime.Error{Code: runtime.CodeInvalid, Message: message, Hint: hint, Err: cause})
}
