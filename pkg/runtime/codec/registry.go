package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// The encoders that are always there.
const (
	JSON = "json" // the payload as it is; "" means the same
	Gzip = "gzip"
)

// builtin has all of them but JSON, which does nothing.
var builtin = map[string]Encoder{Gzip: gzipEncoder{}}

// Encoder turns JSON into other JSON and back.
//
//   - Shapes: what Encode makes of a JSON object must be a JSON object again,
//     because the arguments of a task are one on the wire, too.
//   - Errors: any; the caller adds the encoder's id.
//   - Concurrency: safe for use by many goroutines.
type Encoder interface {
	// Encode returns the payload as it travels and is stored.
	Encode(plain json.RawMessage) (json.RawMessage, error)

	// Decode returns what Encode was given.
	Decode(encoded json.RawMessage) (json.RawMessage, error)
}

// Registry finds encoders by id. A nil or zero Registry knows the built-in
// ones.
//
//   - Concurrency: safe for use by many goroutines once built.
type Registry struct {
	own map[string]Encoder
}

// NewRegistry returns a registry of the built-in encoders and the given ones,
// by their ids.
//
//   - Errors: ErrInvalid for a bad id or a nil encoder; ErrExists for the id of
//     a built-in one.
func NewRegistry(encoders map[string]Encoder) (*Registry, error) {
	r := &Registry{own: make(map[string]Encoder, len(encoders))}
	for id, e := range encoders {
		if err := runtime.CheckID("encoder id", id); err != nil {
			return nil, err
		}
		if e == nil {
			return nil, runtime.Errorf(runtime.CodeInvalid, "encoder "+id+" is nil")
		}
		if id == JSON || builtin[id] != nil {
			return nil, &runtime.Error{Code: runtime.CodeExists, Message: "encoder " + id + " is built in", Hint: "give yours another id"}
		}
		r.own[id] = e
	}
	return r, nil
}

// Known returns the ids of all encoders, sorted.
func (r *Registry) Known() []string {
	ids := []string{JSON, Gzip}
	if r != nil {
		for id := range r.own {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Check reports whether the registry knows an id.
//
//   - Errors: *UnknownError.
func (r *Registry) Check(id string) error {
	_, err := r.lookup(id)
	return err
}

// EncodeArgs returns a task's arguments as they travel.
//
//   - Shapes: args is a JSON object; so is the result.
//   - Errors: *UnknownError; ErrInvalid when the encoder fails or returns
//     something that is not an object.
func (r *Registry) EncodeArgs(id string, args json.RawMessage) (json.RawMessage, error) {
	out, err := r.encode(id, args)
	if err != nil {
		return nil, err
	}
	if !isObject(out) {
		return nil, &runtime.Error{
			Code:    runtime.CodeInvalid,
			Message: fmt.Sprintf("encode arguments with %q: the result is not a JSON object", id),
			Hint:    "let the encoder wrap its output in an object",
		}
	}
	return out, nil
}

// DecodeArgs returns a task's arguments as the handler sees them; null and
// nothing are {}.
//
//   - Errors: *UnknownError; ErrCorrupt when they cannot be decoded or are not an
//     object.
func (r *Registry) DecodeArgs(id string, args json.RawMessage) (json.RawMessage, error) {
	if isNull(args) {
		return json.RawMessage("{}"), nil
	}
	out, err := r.DecodeResult(id, args)
	switch {
	case err != nil:
		return nil, err
	case isNull(out):
		return json.RawMessage("{}"), nil
	case !isObject(out):
		return nil, runtime.Errorf(runtime.CodeCorrupt, fmt.Sprintf("decode arguments with %q: they are not a JSON object", id))
	}
	return out, nil
}

// EncodeResult returns a task's result as it is stored; nothing stays nothing.
//
//   - Errors: *UnknownError; ErrInvalid when the encoder fails.
func (r *Registry) EncodeResult(id string, payload json.RawMessage) (json.RawMessage, error) {
	return r.encode(id, payload)
}

// DecodeResult returns a task's result as its handler returned it.
//
//   - Errors: *UnknownError; ErrCorrupt when it cannot be decoded.
func (r *Registry) DecodeResult(id string, payload json.RawMessage) (json.RawMessage, error) {
	e, err := r.lookup(id)
	if err != nil || e == nil || len(payload) == 0 {
		return payload, err
	}
	out, err := e.Decode(payload)
	if err == nil && !json.Valid(out) {
		err = fmt.Errorf("the decoded payload is not JSON")
	}
	if err != nil {
		return nil, &runtime.Error{Code: runtime.CodeCorrupt, Message: fmt.Sprintf("decode payload with %q", id), Err: err}
	}
	return out, nil
}

func (r *Registry) encode(id string, payload json.RawMessage) (json.RawMessage, error) {
	e, err := r.lookup(id)
	if err != nil || e == nil || len(payload) == 0 {
		return payload, err
	}
	out, err := e.Encode(payload)
	if err == nil && !json.Valid(out) {
		err = fmt.Errorf("the encoded payload is not JSON")
	}
	if err != nil {
		return nil, &runtime.Error{Code: runtime.CodeInvalid, Message: fmt.Sprintf("encode payload with %q", id), Err: err}
	}
	return out, nil
}

// lookup returns nil without an error for plain JSON: there is nothing to do.
func (r *Registry) lookup(id string) (Encoder, error) {
	if id == "" || id == JSON {
		return nil, nil
	}
	if e := builtin[id]; e != nil {
		return e, nil
	}
	if r != nil {
		if e, ok := r.own[id]; ok {
			return e, nil
		}
	}
	return nil, &UnknownError{ID: id, Known: r.Known()}
}

func isObject(p json.RawMessage) bool {
	p = bytes.TrimLeft(p, " \t\r\n")
	return len(p) > 0 && p[0] == '{'
}

func isNull(p json.RawMessage) bool {
	p = bytes.TrimSpace(p)
	return len(p) == 0 || string(p) == "null"
}
