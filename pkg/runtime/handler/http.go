package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// HTTP returns a handler that calls a URL for each attempt.
//
//   - The request carries the task's id as Idempotency-Key and its trace
//     headers, unless the spec sets them. The response's body is the result:
//     JSON when it is one JSON value, otherwise text.
//   - Link-local, multicast and metadata addresses are refused after the name
//     was resolved, at each redirect again. Proxies of the environment are not
//     used: behind one, nobody could check.
//   - When a redirect leads to another host only harmless headers follow.
//   - Errors: ErrInvalid for a spec that cannot work. Of the handler:
//     *[StatusError] (permanent, or with the wait that Retry-After asks for),
//     ErrTimeout, ErrUnavailable, a permanent ErrDenied or ErrInvalid; they name
//     method and host, never a path, a query or a password.
//   - Concurrency: the handler may run many times at once; connections are
//     reused.
func HTTP(spec HTTPSpec) (runtime.HandlerFunc, error) {
	spec = spec.withDefaults()
	c, err := newCaller(spec)
	if err != nil {
		return nil, err
	}
	return c.call, nil
}

// caller makes the calls of one task.
type caller struct {
	spec   HTTPSpec
	parts  *templates
	client *http.Client
}

func newCaller(spec HTTPSpec) (*caller, error) {
	if err := spec.validate(); err != nil {
		return nil, err
	}
	parts, err := newTemplates(spec)
	if err != nil {
		return nil, err
	}
	g, err := newGuard(spec.AllowAddresses)
	if err != nil {
		return nil, err
	}
	c := &caller{spec: spec, parts: parts}
	c.client = &http.Client{
		Transport: &http.Transport{
			DialContext: g.dial, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16,
			IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		},
		CheckRedirect: c.redirect,
	}
	return c, nil
}

func (c *caller) call(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.spec.Timeout, errHTTPTimeout)
	defer cancel()
	req, err := c.request(ctx, t)
	if err != nil {
		return nil, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, c.failed(ctx, req, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.spec.MaxBody+1))
	if err != nil {
		return nil, c.failed(ctx, req, fmt.Errorf("read the response: %w", err))
	}
	if !slices.Contains(c.spec.Success, resp.StatusCode) {
		return nil, c.refusedBy(t, req, resp, body)
	}
	if int64(len(body)) > c.spec.MaxBody {
		return nil, tooLarge(fmt.Sprintf("%s: the response is longer than %d bytes", about(req), c.spec.MaxBody),
			"let the service answer with less, or raise max_body")
	}
	return httpResult(body)
}

var errHTTPTimeout = errors.New("timeout of the call")

// request fills in the templates.
func (c *caller) request(ctx context.Context, t *runtime.Task) (*http.Request, error) {
	data, err := templateData(t)
	if err != nil {
		return nil, err
	}
	method, err := fill(c.parts.method, data)
	if err != nil {
		return nil, err
	}
	target, err := fill(c.parts.url, data)
	if err != nil {
		return nil, err
	}
	body, err := c.body(method, t, data)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, invalid("build the request of "+t.Name, "the filled-in method or url is not valid", nil)
	}
	if !isWeb(req.URL) {
		return nil, invalid("build the request of "+t.Name+": the filled-in url is no http or https URL with a host", "", nil)
	}
	return req, c.setHeaders(req, t, data)
}

func isWeb(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func (c *caller) body(method string, t *runtime.Task, data map[string]any) (io.Reader, error) {
	switch {
	case c.parts.body != nil:
		text, err := fill(c.parts.body, data)
		return strings.NewReader(text), err
	case method == http.MethodGet, method == http.MethodHead:
		return http.NoBody, nil
	case len(t.Args) == 0:
		return strings.NewReader("{}"), nil
	}
	return strings.NewReader(string(t.Args)), nil
}

func (c *caller) setHeaders(req *http.Request, t *runtime.Task, data map[string]any) error {
	req.Header.Set("User-Agent", "stem")
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	req.Header.Set("Idempotency-Key", t.ID)
	if req.Body != nil && req.Body != http.NoBody {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, name := range []string{runtime.HeaderTraceParent, runtime.HeaderTraceState} {
		if v := t.Headers[name]; v != "" {
			req.Header.Set(name, v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.parts.headers)) {
		value, err := fill(c.parts.headers[name], data)
		if err != nil {
			return err
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return invalid("build the request of "+t.Name+": header "+name+" holds a line break", "check the arguments against the template", nil)
		}
		if http.CanonicalHeaderKey(name) == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	return nil
}

// harmless are the headers that follow a redirect to another host; any other
// may hold a credential that is meant for the first.
var harmless = []string{"Accept", "Content-Type", "Idempotency-Key", "User-Agent", "Referer", "Traceparent", "Tracestate"}

var errTooManyRedirects = errors.New("too many redirects")

func (c *caller) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > c.spec.Follow {
		if c.spec.Follow <= 0 {
			return http.ErrUseLastResponse
		}
		return errTooManyRedirects
	}
	if !isWeb(req.URL) {
		return errors.New("redirect to something that is not http or https")
	}
	req.Header.Del("Referer") // it would carry the query of the first URL along
	first := via[0]
	if req.URL.Host != first.URL.Host || first.URL.Scheme == "https" && req.URL.Scheme != "https" {
		req.Host = ""
		for name := range req.Header {
			if !slices.Contains(harmless, name) {
				req.Header.Del(name)
			}
		}
	}
	return nil
}
