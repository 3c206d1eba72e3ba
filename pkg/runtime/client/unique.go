package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// maxUniqueKey bounds a key of the user's; the task's name comes before it.
const maxUniqueKey = 256

// setUnique names the key that the store will claim in the step that stores the
// task. It runs before the arguments are encoded: an encoder need not give the
// same bytes twice.
func (d *draft) setUnique() error {
	u := d.o.Unique
	if u == nil || u.Off {
		return nil
	}
	key := u.Key
	switch {
	case key == "":
		digest, err := d.digest()
		if err != nil {
			return err
		}
		key = digest
	case len(key) > maxUniqueKey || strings.ContainsFunc(key, unicode.IsControl):
		return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("unique key is longer than %d bytes or has a control character", maxUniqueKey))
	}
	d.Unique = &runtime.Unique{Key: d.r.Name + ":" + key, Hold: u.For}
	if u.Replace {
		d.Unique.Mode = runtime.UniqueReplace
	}
	return nil
}

// digest is the same for the same logical work: task, queue, tenant and
// arguments, whatever the order of their keys. Trace headers, ids, times and
// encodings are not part of it.
func (d *draft) digest() (string, error) {
	args, err := checkArgs(d.r.Args)
	if err != nil {
		return "", err
	}
	canonical, err := canonicalJSON(args)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	e := d.Envelope
	for _, part := range []string{e.Name, e.Queue, e.Headers[runtime.HeaderTenant]} {
		fmt.Fprintf(h, "%d:%s,", len(part), part) // lengths keep the parts apart
	}
	h.Write(canonical)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// canonicalJSON sorts the keys of all objects and keeps numbers as written.
func canonicalJSON(raw json.RawMessage) ([]byte, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, &runtime.Error{Code: runtime.CodeInvalid, Message: "read arguments", Err: err}
	}
	return json.Marshal(v)
}
