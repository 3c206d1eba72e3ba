package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// setArgs checks and encodes the arguments. They go into the envelope as they
// are, so what is not JSON would spoil the whole of it.
func (d *draft) setArgs() error {
	args, err := checkArgs(d.r.Args)
	if err != nil {
		return err
	}
	encoding := *d.o.Encoding
	if args, err = d.client.o.Codecs.EncodeArgs(encoding, args); err != nil {
		return err
	}
	if limit := d.client.o.MaxArgsBytes; len(args) > limit {
		return tooLarge("encoded arguments", len(args), limit)
	}
	d.Envelope.Args = args
	if encoding != "" {
		d.setHeader(runtime.HeaderArgsEncoder, encoding)
	}
	return nil
}

var noArgs = json.RawMessage("{}")

func checkArgs(args json.RawMessage) (json.RawMessage, error) {
	trimmed := bytes.TrimSpace(args)
	if len(trimmed) == 0 {
		return noArgs, nil
	}
	if !json.Valid(trimmed) {
		var probe any
		return nil, &runtime.Error{
			Code:    runtime.CodeInvalid,
			Message: "arguments are not JSON",
			Hint:    `pass one JSON object, such as {"to": "ann@example.org"}`,
			Err:     json.Unmarshal(trimmed, &probe),
		}
	}
	if trimmed[0] != '{' {
		return nil, &runtime.Error{
			Code:    runtime.CodeInvalid,
			Message: fmt.Sprintf("arguments are %s, not an object", kind(trimmed[0])),
			Hint:    `wrap them, such as {"value": …}`,
		}
	}
	if !utf8.Valid(trimmed) {
		return nil, &runtime.Error{Code: runtime.CodeInvalid, Message: "arguments are not valid UTF-8", Hint: "encode binary data as base64"}
	}
	return trimmed, nil
}

// kind names a JSON value by its first byte.
func kind(first byte) string {
	switch first {
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
