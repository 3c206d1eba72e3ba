package handler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	maxLogLine  = 4096 // of one line on stderr; the rest of the line is left out
	maxLastLine = 300  // of the line that an error repeats
)

// output takes what a program prints: stdout for the result, up to a limit,
// and stderr for the log.
type output struct {
	spec ExecSpec
	host runtime.Host

	buffer   bytes.Buffer // of stdout; read after its reader has ended
	overflow chan struct{}

	mu   sync.Mutex
	last string
}

func newOutput(spec ExecSpec, host runtime.Host) *output {
	return &output{spec: spec, host: host, overflow: make(chan struct{})}
}

// stdout reads all there is, so that the program never blocks, and keeps what
// the limit allows.
func (o *output) stdout(r io.Reader) {
	if o.spec.Result == ResultNone {
		o.log(r)
		return
	}
	_, err := io.CopyN(&o.buffer, r, o.spec.MaxOutput+1)
	if err != nil {
		return // it ended within the limit
	}
	close(o.overflow)
	_, _ = io.Copy(io.Discard, r) // it is being killed
}

// tooLong reports whether stdout went over the limit. Call it when the reader
// has ended.
func (o *output) tooLong() bool { return int64(o.buffer.Len()) > o.spec.MaxOutput }

// stderr hands each line to the log.
func (o *output) stderr(r io.Reader) { o.log(r) }

func (o *output) log(r io.Reader) {
	eachLine(r, maxLogLine, func(line []byte, cut bool) {
		text := strings.ToValidUTF8(string(line), "\uFFFD")
		if strings.TrimSpace(text) != "" {
			o.mu.Lock()
			o.last = text
			o.mu.Unlock()
		}
		if cut {
			text += " ..."
		}
		o.host.Log(text)
	})
}

// lastLine is the last line of the log that says something.
func (o *output) lastLine() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return clip(strings.ToValidUTF8(strings.TrimSpace(o.last), ""), maxLastLine)
}

// result turns stdout into the task's result.
func (o *output) result(program string) (json.RawMessage, error) {
	text := bytes.TrimSpace(o.buffer.Bytes())
	switch {
	case o.spec.Result == ResultNone, len(text) == 0 && o.spec.Result == ResultAuto:
		return nil, nil
	case o.spec.Result != ResultText && json.Valid(text):
		return text, nil
	case o.spec.Result == ResultJSON:
		return nil, invalid(fmt.Sprintf("%s printed no JSON on stdout, but %q", program, clip(strings.ToValidUTF8(string(text), ""), 80)),
			"print one JSON value and nothing else there (logs belong on stderr); or set result: text", nil)
	}
	return textResult(text)
}

// textResult is text as a JSON string, without the line break that most
// programs end with.
func textResult(text []byte) (json.RawMessage, error) {
	return json.Marshal(strings.ToValidUTF8(strings.TrimRight(string(text), "\r\n"), "\uFFFD"))
}
