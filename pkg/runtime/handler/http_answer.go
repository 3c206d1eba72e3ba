package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	// maxRetryAfter bounds what a service may ask for: a wrong date must not park
	// a task for a year.
	maxRetryAfter = 24 * time.Hour
	maxBodyLines  = 20 // of a refusal that are logged
)

// StatusError is a response that is not a success. Retry policies know it as
// "http-503". Request is the method and the host.
type StatusError struct {
	Request string
	Code    int
}

// Error names the request's host and the status.
func (e *StatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s: status %d %s", e.Request, e.Code, http.StatusText(e.Code)))
}

// ErrorName returns the name by which retry policies can mention the failure.
func (e *StatusError) ErrorName() string { return "http-" + strconv.Itoa(e.Code) }

// about names a request without anything that may be a secret: some services
// carry a token in the path.
func about(req *http.Request) string {
	return req.Method + " " + (&url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host}).String()
}

// refusedBy turns a status into an error; what the service says goes to the log.
func (c *caller) refusedBy(t *runtime.Task, req *http.Request, resp *http.Response, body []byte) error {
	n := 0
	eachLine(bytes.NewReader(body), maxLogLine, func(line []byte, _ bool) {
		if n++; n <= maxBodyLines {
			t.Host.Log(strings.ToValidUTF8(string(line), "\uFFFD"))
		}
	})
	e := &StatusError{Request: about(req), Code: resp.StatusCode}
	if !slices.Contains(c.spec.Retry, e.Code) {
		return runtime.Permanent(e)
	}
	if after, ok := retryAfter(resp.Header.Get("Retry-After"), time.Now()); ok {
		return runtime.RetryAfter(after, e)
	}
	return e
}

// retryAfter reads seconds or a date.
//
//   - Source: RFC 9110, section 10.2.3.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	var after time.Duration
	if seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		after = at.Sub(now)
	} else {
		return 0, false
	}
	return min(max(after, 0), maxRetryAfter), true
}

// failed says why there was no response. net/http's own text repeats the whole
// URL, with its query.
func (c *caller) failed(ctx context.Context, req *http.Request, err error) error {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	cause := context.Cause(ctx)
	switch {
	case cause == errHTTPTimeout:
		return &runtime.Error{
			Code: runtime.CodeTimeout, Message: fmt.Sprintf("%s: no response within %s", about(req), runtime.FormatDuration(c.spec.Timeout)),
			Hint: "raise the timeout of the http task, or look at the service",
		}
	case cause != nil:
		return fmt.Errorf("%s was stopped: %w", about(req), cause)
	case errors.Is(err, errTooManyRedirects):
		return invalid(fmt.Sprintf("%s: more than %d redirects", about(req), c.spec.Follow), "", nil)
	case runtime.IsPermanent(err):
		return fmt.Errorf("%s: %w", about(req), err)
	}
	return &runtime.Error{Code: runtime.CodeUnavailable, Message: about(req), Err: reason(err)}
}

// reason keeps of a network error what cannot hold a part of the URL.
func reason(err error) error {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("look up %s: %s", dns.Name, dns.Err)
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	case strings.Contains(err.Error(), "Location header"):
		return errors.New("redirect to something that is no URL")
	}
	return err
}

// httpResult turns a body into the task's result.
func httpResult(body []byte) (json.RawMessage, error) {
	text := bytes.TrimSpace(body)
	switch {
	case len(text) == 0:
		return nil, nil
	case json.Valid(text):
		return text, nil
	}
	return textResult(body)
}
