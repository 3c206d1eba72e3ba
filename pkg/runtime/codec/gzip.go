package codec

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// maxInflated bounds what a compressed payload may become, so that a few
// kilobytes in a queue cannot fill a worker's memory.
const maxInflated = 32 << 20

// gzipEncoder wraps the compressed payload in an object, {"gzip":"<base64>"},
// so that arguments stay a JSON object on the wire.
type gzipEncoder struct{}

type gzipped struct {
	Data []byte `json:"gzip"`
}

// writers keeps compressors: each has about a megabyte of tables.
var writers = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}

// Encode compresses the payload.
func (gzipEncoder) Encode(plain json.RawMessage) (json.RawMessage, error) {
	var out bytes.Buffer
	w := writers.Get().(*gzip.Writer)
	defer writers.Put(w)
	w.Reset(&out)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return json.Marshal(gzipped{Data: out.Bytes()})
}

// Decode inflates the payload, up to 32 MiB.
func (gzipEncoder) Decode(encoded json.RawMessage) (json.RawMessage, error) {
	var g gzipped
	if err := json.Unmarshal(encoded, &g); err != nil {
		return nil, err
	}
	if g.Data == nil {
		return nil, fmt.Errorf(`it has no key "gzip"`)
	}
	r, err := gzip.NewReader(bytes.NewReader(g.Data))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > maxInflated {
		return nil, fmt.Errorf("it inflates to more than %d bytes", maxInflated)
	}
	return plain, nil
}
