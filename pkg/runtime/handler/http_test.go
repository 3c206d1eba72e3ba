package handler_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/handler"
)

// call runs an http task once.
func call(t *testing.T, spec handler.HTTPSpec, task *runtime.Task) (string, error) {
	t.Helper()
	run, err := handler.HTTP(spec)
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t.Context(), task)
	return string(out), err
}

// serve starts a server that ends with the test.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Header.Del("Accept-Encoding")
	r.Header.Del("Content-Length")
	_, _ = io.WriteString(w, r.Method+" "+r.URL.String()+" "+r.Host+"\n")
	_ = r.Header.Write(w)
	_, _ = io.WriteString(w, string(body))
}

func TestHTTPDefaultRequest(t *testing.T) {
	s := serve(t, echo)
	task, _ := newTask(`{"to": 1}`)
	got, err := call(t, handler.HTTPSpec{URL: s.URL + "/x"}, task)
	want := `"POST /x ` + strings.TrimPrefix(s.URL, "http://") + `\nAccept: application/json, */*;q=0.5\r\nContent-Type: application/json\r\n` +
		`Idempotency-Key: t-1\r\nTraceparent: 00-abc-def-01\r\nUser-Agent: stem\r\n{\"to\": 1}"`
	if err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestHTTPTemplates(t *testing.T) {
	s := serve(t, echo)
	task, _ := newTask(`{"user": "a b/c", "big": 12345678901234567890, "list": [1, {"x": "<y>"}]}`)
	body := `{{.name}} {{.queue}} {{.id}} {{.attempt}} {{.args.big}} {{json .args.list}} {{.headers.tenant}}`
	got, err := call(t, handler.HTTPSpec{
		Method: "PU{{print `T`}}", URL: s.URL + "/{{urlpath .args.user}}?q={{urlquery .args.user}}",
		Headers: map[string]string{"X-Tenant": "{{.headers.tenant}}", "Content-Type": "text/plain", "Idempotency-Key": "mine", "Host": "other.example"},
		Body:    &body,
	}, task)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`PUT /a%20b%2Fc?q=a+b%2Fc other.example\n`, `X-Tenant: acme\r\n`, `Content-Type: text/plain\r\n`, `Idempotency-Key: mine\r\n`,
		`demo.run mail t-1 1 12345678901234567890 [1,{\"x\":\"\\u003cy\\u003e\"}] acme`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

func TestHTTPGetHasNoBody(t *testing.T) {
	s := serve(t, echo)
	task, _ := newTask(`{"to": 1}`)
	got, err := call(t, handler.HTTPSpec{Method: "GET", URL: s.URL}, task)
	if err != nil || strings.Contains(got, "to") && strings.Contains(got, `{`) || strings.Contains(got, "Content-Type") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestHTTPResults(t *testing.T) {
	for body, want := range map[string]string{
		`{"a": 1}`: `{"a": 1}`, "7\n": `7`, "hello\n": `"hello"`, "": ``, " \n": ``, "a\xffb": "\"a\uFFFDb\"",
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		task, _ := newTask(`{}`)
		if got, err := call(t, handler.HTTPSpec{URL: s.URL}, task); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", body, got, err, want)
		}
	}
}

func TestHTTPStatus(t *testing.T) {
	type want struct {
		ok, permanent, retry bool
		after                time.Duration
	}
	cases := []struct {
		name       string
		spec       handler.HTTPSpec
		status     int
		retryAfter string
		want       want
	}{
		{"created", handler.HTTPSpec{}, 201, "", want{ok: true}},
		{"no content", handler.HTTPSpec{}, 204, "", want{ok: true}},
		{"own success", handler.HTTPSpec{Success: []int{404}}, 404, "", want{ok: true}},
		{"no longer a success", handler.HTTPSpec{Success: []int{404}}, 200, "", want{permanent: true}},
		{"bad request", handler.HTTPSpec{}, 400, "", want{permanent: true}},
		{"not modified", handler.HTTPSpec{}, 304, "", want{permanent: true}},
		{"permanent whatever it asks", handler.HTTPSpec{}, 400, "5", want{permanent: true}},
		{"timeout", handler.HTTPSpec{}, 408, "", want{}},
		{"too early", handler.HTTPSpec{}, 425, "", want{}},
		{"too many", handler.HTTPSpec{}, 429, "", want{}},
		{"too many, seconds", handler.HTTPSpec{}, 429, "120", want{retry: true, after: 2 * time.Minute}},
		{"too many, now", handler.HTTPSpec{}, 429, "0", want{retry: true}},
		{"down, capped", handler.HTTPSpec{}, 503, "99999999", want{retry: true, after: 24 * time.Hour}},
		{"down, a past date", handler.HTTPSpec{}, 503, "Fri, 31 Dec 1999 23:59:59 GMT", want{retry: true}},
		{"down, nonsense", handler.HTTPSpec{}, 503, "soon", want{}},
		{"down, negative", handler.HTTPSpec{}, 503, "-5", want{}},
		{"server error", handler.HTTPSpec{}, 500, "", want{}},
		{"own retry", handler.HTTPSpec{Retry: []int{404}}, 404, "", want{}},
		{"no longer retried", handler.HTTPSpec{Retry: []int{404}}, 503, "", want{permanent: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.retryAfter != "" {
					w.Header().Set("Retry-After", c.retryAfter)
				}
				w.WriteHeader(c.status)
				if c.status >= 400 {
					_, _ = io.WriteString(w, "said the\nservice")
				}
			})
			spec := c.spec
			spec.URL = s.URL + "/secret-token?key=secret"
			task, h := newTask(`{}`)
			_, err := call(t, spec, task)
			var retry *runtime.RetryError
			got := want{ok: err == nil, permanent: runtime.IsPermanent(err), retry: errors.As(err, &retry)}
			if got.retry {
				got.after = retry.After
			}
			if got != c.want {
				t.Fatalf("got %+v (%v), want %+v", got, err, c.want)
			}
			if err == nil {
				return
			}
			var status *handler.StatusError
			if !errors.As(err, &status) || status.Code != c.status || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
			if c.status >= 400 && (!h.hasLine("said the") || !h.hasLine("service")) {
				t.Errorf("the log is %q", h.lines())
			}
		})
	}
}

func TestHTTPBodyIsBounded(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 100+len(r.URL.Query().Get("more"))))
	})
	task, _ := newTask(`{}`)
	if _, err := call(t, handler.HTTPSpec{URL: s.URL, MaxBody: 100}, task); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, err := call(t, handler.HTTPSpec{URL: s.URL + "?more=1", MaxBody: 100}, task)
	if !runtime.IsPermanent(err) || !strings.Contains(err.Error(), "longer than 100 bytes") || runtime.HintOf(err) == "" {
		t.Errorf("over the limit: %v", err)
	}
}

func TestHTTPTimeout(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	task, _ := newTask(`{}`)
	_, err := call(t, handler.HTTPSpec{URL: s.URL, Timeout: 20 * time.Millisecond}, task)
	if runtime.CodeOf(err) != runtime.CodeTimeout || runtime.IsPermanent(err) || !strings.HasSuffix(err.Error(), ": no response within 20ms") {
		t.Errorf("got %v", err)
	}
	run, err := handler.HTTP(handler.HTTPSpec{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(runtime.CauseHardLimit) })
	if _, err := run(ctx, task); !errors.Is(err, runtime.CauseHardLimit) {
		t.Errorf("got %v", err)
	}
}

func TestHTTPErrorsHoldNoSecrets(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			w.Header().Set("Location", "http://hunter2:%zz/"+r.URL.RawQuery)
			w.WriteHeader(http.StatusFound)
			return
		}
		panic(http.ErrAbortHandler)
	})
	host := strings.TrimPrefix(s.URL, "http://")
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	task, _ := newTask(`{"bad": "a\r\nX-Evil: 1", "scheme": "ftp"}`)
	for _, spec := range []handler.HTTPSpec{
		{URL: "http://user:hunter2@" + host + "/hunter2?key=hunter2"},
		{URL: "http://user:hunter2@" + strings.TrimPrefix(closed.URL, "http://") + "/hunter2?key=hunter2"},
		{URL: "http://user:hunter2@no-such-host.invalid/?key=hunter2"},
		{URL: "http://" + host + "/away?hunter2"},
		{URL: "http://hunter2:hunter2:hunter2/%zz"},
		{URL: "{{.args.scheme}}://hunter2/hunter2"},
		{URL: "/hunter2"},
		{URL: s.URL, Headers: map[string]string{"X-Key": "hunter2 {{.args.bad}}"}},
		{URL: s.URL + "/{{.args.none}}?hunter2"},
		{URL: s.URL, Method: "hunter2 hunter2"},
	} {
		_, err := call(t, spec, task)
		if err == nil || strings.Contains(err.Error()+runtime.HintOf(err), "hunter2") {
			t.Errorf("%s: got %v", spec.URL, err)
		}
	}
}

func TestHTTPBadSpecs(t *testing.T) {
	for want, spec := range map[string]handler.HTTPSpec{
		"no url":                      {},
		"read template: url:1":        {URL: "http://x/{{.args"},
		"read template: header X-A":   {URL: "http://x", Headers: map[string]string{"X-A": "{{nope}}"}},
		"timeout is negative":         {URL: "http://x", Timeout: -1},
		"max body is negative":        {URL: "http://x", MaxBody: -1},
		"status code 99":              {URL: "http://x", Retry: []int{99}},
		`"example.org" is no address`: {URL: "http://x", AllowAddresses: []string{"example.org"}},
	} {
		if _, err := handler.HTTP(spec); !errors.Is(err, runtime.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestHTTPMissingArgument(t *testing.T) {
	task, _ := newTask(`{"to": 1}`)
	_, err := call(t, handler.HTTPSpec{URL: "http://127.0.0.1/{{.args.user}}"}, task)
	if !runtime.IsPermanent(err) || !strings.Contains(err.Error(), `fill in the url of an http task: `) || !strings.Contains(err.Error(), `no entry for key "user"`) {
		t.Errorf("got %v", err)
	}
}

func TestHTTPRedirects(t *testing.T) {
	elsewhere := serve(t, echo)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			return
		}
		http.Redirect(w, r, "/again", http.StatusFound)
	})
	task, _ := newTask(`{"to": 1}`)
	secret := map[string]string{"X-Api-Key": "hunter2", "Authorization": "Bearer hunter2"}
	got, err := call(t, handler.HTTPSpec{URL: s.URL + "/?to=" + elsewhere.URL, Headers: secret}, task)
	if err != nil || strings.Contains(got, "hunter2") || !strings.Contains(got, "Idempotency-Key: t-1") || !strings.Contains(got, `{\"to\": 1}`) {
		t.Errorf("another host got %s, %v", got, err)
	}
	_, err = call(t, handler.HTTPSpec{URL: s.URL}, task)
	if !runtime.IsPermanent(err) || !strings.HasSuffix(err.Error(), ": more than 5 redirects") {
		t.Errorf("a loop: %v", err)
	}
	_, err = call(t, handler.HTTPSpec{URL: s.URL, Follow: -1}, task)
	if !runtime.IsPermanent(err) || !strings.HasSuffix(err.Error(), "status 302 Found") {
		t.Errorf("not followed: %v", err)
	}
	_, err = call(t, handler.HTTPSpec{URL: s.URL + "/?to=file:///etc/passwd"}, task)
	if err == nil || !strings.Contains(err.Error(), "redirect to something that is not http") {
		t.Errorf("to a file: %v", err)
	}
	_, err = call(t, handler.HTTPSpec{URL: s.URL + "/?to=http://169.254.169.254/latest/meta-data/"}, task)
	if !runtime.IsPermanent(err) || !errors.Is(err, runtime.ErrDenied) {
		t.Errorf("to the metadata service: %v", err)
	}
}
