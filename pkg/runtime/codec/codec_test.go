package codec_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/codec"
)

// reversed wraps the payload, written backwards, in an object.
type reversed struct{}

func (reversed) Encode(p json.RawMessage) (json.RawMessage, error) {
	return json.Marshal(map[string]string{"r": turn(string(p))})
}

func (reversed) Decode(p json.RawMessage) (json.RawMessage, error) {
	var m map[string]string
	err := json.Unmarshal(p, &m)
	return json.RawMessage(turn(m["r"])), err
}

func turn(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

// broken returns what it was made with.
type broken struct {
	out string
	err error
}

func (b broken) Encode(json.RawMessage) (json.RawMessage, error) {
	return json.RawMessage(b.out), b.err
}
func (b broken) Decode(json.RawMessage) (json.RawMessage, error) {
	return json.RawMessage(b.out), b.err
}

func registry(t *testing.T, es map[string]codec.Encoder) *codec.Registry {
	t.Helper()
	r, err := codec.NewRegistry(es)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRoundTrip(t *testing.T) {
	own := registry(t, map[string]codec.Encoder{"reversed": reversed{}})
	args := json.RawMessage(`{"to":"zoë","n":[1,2.50,null],"deep":{"b":true}}`)
	for name, r := range map[string]*codec.Registry{"nil": nil, "zero": {}, "own": own} {
		for _, id := range r.Known() {
			t.Run(name+"/"+id, func(t *testing.T) {
				wire, err := r.EncodeArgs(id, args)
				if err != nil {
					t.Fatal(err)
				}
				if plain := id == codec.JSON; bytes.Equal(wire, args) != plain {
					t.Errorf("on the wire: %s", wire)
				}
				if got, err := r.DecodeArgs(id, wire); err != nil || !bytes.Equal(got, args) {
					t.Errorf("args came back as %s, %v", got, err)
				}
				for _, result := range []string{`"text"`, `null`, `[1,2]`, `3.14`, `{}`, ``} {
					stored, err := r.EncodeResult(id, json.RawMessage(result))
					if err != nil {
						t.Fatal(err)
					}
					if got, err := r.DecodeResult(id, stored); err != nil || string(got) != result {
						t.Errorf("result %q came back as %q, %v", result, got, err)
					}
				}
			})
		}
	}
}

func TestEmptyIDIsJSON(t *testing.T) {
	var r *codec.Registry
	args := json.RawMessage(`{"a":1}`)
	if got, err := r.EncodeArgs("", args); err != nil || !bytes.Equal(got, args) {
		t.Errorf("got %s, %v", got, err)
	}
}

// A task's arguments stay one JSON object on the wire, for every reader of it.
func TestGzipStaysAnObject(t *testing.T) {
	var r *codec.Registry
	args := json.RawMessage(`{"text":"` + strings.Repeat("stem ", 2000) + `"}`)
	wire, err := r.EncodeArgs(codec.Gzip, args)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string][]byte
	if err := json.Unmarshal(wire, &m); err != nil || len(m) != 1 || len(m["gzip"]) == 0 {
		t.Fatalf("on the wire: %.60s, %v", wire, err)
	}
	if len(wire) > len(args)/10 {
		t.Errorf("%d bytes became %d", len(args), len(wire))
	}
}

// W33: an unknown id is an error that names it and the known ones; nothing is
// decoded with another encoder.
func TestUnknownEncoderW33(t *testing.T) {
	r := registry(t, map[string]codec.Encoder{"reversed": reversed{}})
	calls := map[string]func(string, json.RawMessage) (json.RawMessage, error){
		"encode args": r.EncodeArgs, "decode args": r.DecodeArgs, "encode result": r.EncodeResult, "decode result": r.DecodeResult,
	}
	for name, f := range calls {
		out, err := f("brotli", json.RawMessage(`{"a":1}`))
		var unknown *codec.UnknownError
		if !errors.As(err, &unknown) || unknown.ID != "brotli" || fmt.Sprint(unknown.Known) != "[gzip json reversed]" {
			t.Fatalf("%s: got %s, %v", name, out, err)
		}
		if !errors.Is(err, runtime.ErrUnsupported) || runtime.HintOf(err) == "" {
			t.Errorf("%s: no code or hint: %v", name, err)
		}
		if want := `no encoder "brotli"; known are gzip, json, reversed`; err.Error() != want {
			t.Errorf("%s: %q", name, err)
		}
	}
	if r.Check("reversed") != nil || r.Check("") != nil || r.Check("GZIP") == nil {
		t.Error("Check is wrong")
	}
}

func TestEncodersThatFail(t *testing.T) {
	r := registry(t, map[string]codec.Encoder{
		"text": broken{out: `"x"`}, "nonsense": broken{out: `{x`}, "error": broken{err: errors.New("no key")}, "null": broken{out: "null"},
	})
	args := json.RawMessage(`{}`)
	for _, id := range []string{"text", "nonsense", "error"} {
		if out, err := r.EncodeArgs(id, args); !errors.Is(err, runtime.ErrInvalid) || !strings.Contains(err.Error(), id) {
			t.Errorf("encode with %s: %s, %v", id, out, err)
		}
		if out, err := r.DecodeArgs(id, args); !errors.Is(err, runtime.ErrCorrupt) || !strings.Contains(err.Error(), id) {
			t.Errorf("decode with %s: %s, %v", id, out, err)
		}
	}
	if out, err := r.DecodeArgs("null", args); err != nil || string(out) != "{}" {
		t.Errorf("null arguments: %s, %v", out, err)
	}
	for _, none := range []string{"", "null", " null "} {
		if out, err := r.DecodeArgs("", json.RawMessage(none)); err != nil || string(out) != "{}" {
			t.Errorf("%q: %s, %v", none, out, err)
		}
	}
}

func TestGzipDecodesOnlyItsOwn(t *testing.T) {
	var r *codec.Registry
	good, err := r.EncodeResult(codec.Gzip, json.RawMessage(`"x"`))
	if err != nil {
		t.Fatal(err)
	}
	zip := func(plain []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	// Parts of a gzip stream may follow each other: the number 1 and 33 MiB of
	// space, which is good JSON.
	bomb := append(zip([]byte("1")), bytes.Repeat(zip(bytes.Repeat([]byte(" "), 1<<20)), 33)...)
	pack := func(b []byte) string { return `{"gzip":"` + base64.StdEncoding.EncodeToString(b) + `"}` }
	for name, wire := range map[string]string{
		"no key": `{}`, "not base64": `{"gzip":"!"}`, "not gzip": `{"gzip":"aGVsbG8="}`, "not an object": `"x"`,
		"cut short": strings.Replace(string(good), "A", "B", 1), "a bomb": pack(bomb), "empty": `{"gzip":""}`,
	} {
		if out, err := r.DecodeResult(codec.Gzip, json.RawMessage(wire)); !errors.Is(err, runtime.ErrCorrupt) {
			t.Errorf("%s: %.40s, %v", name, out, err)
		}
	}
}

func TestNewRegistryRefuses(t *testing.T) {
	for id, want := range map[string]*runtime.Error{"json": runtime.ErrExists, "gzip": runtime.ErrExists, "": runtime.ErrInvalid, "a b": runtime.ErrInvalid} {
		if _, err := codec.NewRegistry(map[string]codec.Encoder{id: reversed{}}); !errors.Is(err, want) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := codec.NewRegistry(map[string]codec.Encoder{"x": nil}); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("a nil encoder: %v", err)
	}
}

func FuzzGzipDecode(f *testing.F) {
	f.Add([]byte(`{"gzip":"H4sIAAAAAAAA/6pWUkrKUbIyqgUEAAD//w=="}`))
	f.Add([]byte(`{"gzip":""}`))
	f.Fuzz(func(t *testing.T, wire []byte) {
		var r *codec.Registry
		out, err := r.DecodeResult(codec.Gzip, wire)
		if err == nil && len(wire) > 0 && !json.Valid(out) {
			t.Fatalf("decoded to what is not JSON: %q", out)
		}
	})
}
