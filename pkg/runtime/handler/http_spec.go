package handler

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Defaults of [HTTPSpec].
const (
	DefaultHTTPTimeout = 30 * time.Second
	DefaultMaxBody     = 1 << 20
	DefaultFollow      = 5
)

// HTTPSpec describes a task that calls a URL.
//
//   - Method, URL, the values of Headers and Body are text/template over the
//     keys id, name, queue, attempt, args and headers ("{{.args.user}}"); a key
//     that is missing is a permanent failure. The functions json, urlpath and
//     urlquery encode a value for its place.
//   - Method "" is POST. Body nil is the arguments as JSON, but for GET and
//     HEAD, which carry none unless asked.
//   - Timeout bounds the call with all its redirects; 0 is DefaultHTTPTimeout.
//   - Success are the status codes that succeed; nil is 200 to 299. Retry are
//     those that may pass on another try; nil is 408, 425, 429 and 500 to 599.
//     Every other is permanent.
//   - MaxBody bounds the response in bytes; 0 is DefaultMaxBody.
//   - Follow is how many redirects are followed; 0 is DefaultFollow, negative
//     is none.
//   - AllowAddresses are addresses or prefixes ("169.254.169.254", "fe80::/10")
//     that may be connected to although they are refused by default.
type HTTPSpec struct {
	Method         string
	URL            string
	Headers        map[string]string
	Body           *string
	Timeout        time.Duration
	Success        []int
	Retry          []int
	MaxBody        int64
	Follow         int
	AllowAddresses []string
}

func (s HTTPSpec) withDefaults() HTTPSpec {
	if s.Method == "" {
		s.Method = http.MethodPost
	}
	if s.Timeout == 0 {
		s.Timeout = DefaultHTTPTimeout
	}
	if s.Success == nil {
		s.Success = codes(200, 299)
	}
	if s.Retry == nil {
		s.Retry = append([]int{408, 425, 429}, codes(500, 599)...)
	}
	if s.MaxBody == 0 {
		s.MaxBody = DefaultMaxBody
	}
	if s.Follow == 0 {
		s.Follow = DefaultFollow
	}
	return s
}

func codes(from, to int) []int {
	var out []int
	for code := from; code <= to; code++ {
		out = append(out, code)
	}
	return out
}

// validate reports the first mistake of a spec whose defaults are filled in.
func (s HTTPSpec) validate() error {
	bad := func(format string, args ...any) error {
		return runtime.Errorf(runtime.CodeInvalid, "http: "+fmt.Sprintf(format, args...))
	}
	switch {
	case s.URL == "":
		return bad("no url")
	case s.Timeout < 0:
		return bad("timeout is negative")
	case s.MaxBody < 0:
		return bad("max body is negative")
	}
	for _, code := range slices.Concat(s.Success, s.Retry) {
		if code < 100 || code > 599 {
			return bad("status code %d is out of range", code)
		}
	}
	return nil
}
