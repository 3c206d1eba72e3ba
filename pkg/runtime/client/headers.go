package client

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	stemHeader = "stem-"
	stemMeta   = "stem."
	oldMeta    = "__stem"
)

// openHeaders are those of stem's that a request may set itself: they only say
// to what the task belongs.
var openHeaders = map[string]bool{runtime.HeaderGroupID: true, runtime.HeaderChainID: true}

// setHeaders takes the request's headers and what the parent hands down.
func (d *draft) setHeaders() error {
	for k, v := range d.r.Headers {
		if err := checkKey("header", k); err != nil {
			return err
		}
		if strings.HasPrefix(k, stemHeader) && !openHeaders[k] {
			return reserved("header", k, stemHeader)
		}
		if !utf8.ValidString(v) {
			return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("header %s is not valid UTF-8", k))
		}
	}
	d.Envelope.Headers = d.from.hand(maps.Clone(d.r.Headers))
	return nil
}

// setMeta takes the request's meta.
func (d *draft) setMeta() error {
	for k, v := range d.r.Meta {
		if err := checkKey("meta key", k); err != nil {
			return err
		}
		if strings.HasPrefix(k, stemMeta) || strings.HasPrefix(k, oldMeta) {
			return reserved("meta key", k, stemMeta)
		}
		if err := d.Envelope.SetMeta(k, v); err != nil {
			return err
		}
	}
	return nil
}

func (d *draft) setHeader(k, v string) {
	if d.Envelope.Headers == nil {
		d.Envelope.Headers = map[string]string{}
	}
	d.Envelope.Headers[k] = v
}

func (d *draft) setMetaRaw(k string, v json.RawMessage) {
	if d.Envelope.Meta == nil {
		d.Envelope.Meta = map[string]json.RawMessage{}
	}
	d.Envelope.Meta[k] = v
}

func checkKey(what, k string) error {
	if k == "" {
		return runtime.Errorf(runtime.CodeInvalid, what+" without a name")
	}
	if len(k) > runtime.MaxNameLength {
		return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("%s %q… is longer than %d bytes", what, k[:32], runtime.MaxNameLength))
	}
	if !utf8.ValidString(k) || strings.ContainsFunc(k, unicode.IsControl) {
		return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("%s %q has a control character or is not UTF-8", what, k))
	}
	return nil
}

func reserved(what, k, prefix string) error {
	return &runtime.Error{
		Code:    runtime.CodeInvalid,
		Message: fmt.Sprintf("%s %s is reserved", what, k),
		Hint:    "names that begin with " + prefix + " are stem's own; choose another",
	}
}
