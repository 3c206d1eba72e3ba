package runtime_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestRetryDelay(t *testing.T) {
	cases := []struct {
		name    string
		p       runtime.RetryPolicy
		attempt int
		want    time.Duration
	}{
		{"zero policy", runtime.RetryPolicy{}, 0, 2 * time.Second},
		{"doubles", runtime.RetryPolicy{}, 3, 16 * time.Second},
		{"default cap", runtime.RetryPolicy{}, 30, 5 * time.Minute},
		{"only max set", runtime.RetryPolicy{Max: new(5)}, 0, 2 * time.Second}, // W20: never at once
		{"constant", runtime.RetryPolicy{Backoff: time.Second, Constant: true}, 1000, time.Second},
		{"constant over cap", runtime.RetryPolicy{Backoff: time.Hour, Cap: time.Minute, Constant: true}, 0, time.Minute},
		{"base over default cap", runtime.RetryPolicy{Backoff: time.Hour}, 5, time.Hour},
		{"base over cap", runtime.RetryPolicy{Backoff: time.Hour, Cap: time.Minute}, 0, time.Minute},
		{"attempt 1000", runtime.RetryPolicy{Cap: math.MaxInt64}, 1000, math.MaxInt64},
		{"largest base", runtime.RetryPolicy{Backoff: math.MaxInt64, Cap: math.MaxInt64}, 1000, math.MaxInt64},
		{"negative attempt", runtime.RetryPolicy{}, -7, 2 * time.Second},
		{"negative values", runtime.RetryPolicy{Backoff: -1, Cap: -1}, 1, 4 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.p.NoJitter = true
			if got := c.p.Delay(c.attempt, 0.9); got != c.want {
				t.Errorf("without jitter: got %s, want %s", got, c.want)
			}
			c.p.NoJitter = false
			if got := c.p.Delay(c.attempt, 0); got != c.want {
				t.Errorf("least jitter: got %s, want %s", got, c.want)
			}
			most := c.p.Delay(c.attempt, math.Nextafter(1, 0))
			if most > c.want || most < c.want-c.want/4 {
				t.Errorf("most jitter: %s is not within a quarter of %s", most, c.want)
			}
		})
	}
}

func FuzzRetryDelay(f *testing.F) {
	f.Add(int64(time.Second), int64(time.Minute), 3, uint16(7), false)
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), 1000, uint16(0), false)
	f.Add(int64(math.MinInt64), int64(-1), -1000, uint16(65535), true)
	f.Fuzz(func(t *testing.T, base, limit int64, attempt int, random uint16, constant bool) {
		p := runtime.RetryPolicy{Backoff: time.Duration(base), Cap: time.Duration(limit), Constant: constant, NoJitter: true}
		d := p.Delay(attempt, 0)
		p.NoJitter = false
		j := p.Delay(attempt, float64(random)/65536)
		if d <= 0 || limit > 0 && d > time.Duration(limit) || j > d || j < d-d/4-1 {
			t.Errorf("delay %s, with jitter %s", d, j)
		}
		if next := p.Delay(attempt+1, 0); attempt < math.MaxInt && next < d {
			t.Errorf("attempt %d waits %s, the next one %s", attempt, d, next)
		}
	})
}

// namedError is a handler's own error with a stable name.
type namedError struct{ error }

func (namedError) ErrorName() string { return "mail.bounced" }

func TestRetriesWhichErrors(t *testing.T) {
	plain := errors.New("x")
	path := fmt.Errorf("read: %w", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist})
	bounced := fmt.Errorf("send: %w", namedError{plain})
	unavailable := fmt.Errorf("store: %w", runtime.Errorf(runtime.CodeUnavailable, "down"))
	isNotExist := func(err error) bool { return errors.Is(err, fs.ErrNotExist) }

	cases := []struct {
		name string
		p    runtime.RetryPolicy
		err  error
		want bool
	}{
		{"everything by default", runtime.RetryPolicy{}, plain, true},
		{"never a permanent one", runtime.RetryPolicy{}, runtime.Permanent(plain), false},
		{"not even when named", runtime.RetryPolicy{RetryFor: []string{"mail.bounced"}}, runtime.Permanent(bounced), false},
		{"a permanent one deep inside", runtime.RetryPolicy{}, fmt.Errorf("a: %w", errors.Join(plain, runtime.Permanent(plain))), false},
		{"by type, wrapped", runtime.RetryPolicy{RetryFor: []string{"fs.PathError"}}, path, true},
		{"by name", runtime.RetryPolicy{RetryFor: []string{"mail.bounced"}}, bounced, true},
		{"by code", runtime.RetryPolicy{RetryFor: []string{"unavailable"}}, unavailable, true},
		{"not on the list", runtime.RetryPolicy{RetryFor: []string{"fs.PathError"}}, plain, false},
		{"excluded by name", runtime.RetryPolicy{DontRetryFor: []string{"mail.bounced"}}, bounced, false},
		{"exclusion wins", runtime.RetryPolicy{RetryFor: []string{"fs.PathError"}, DontRetryFor: []string{"fs.PathError"}}, path, false},
		{"by matcher", runtime.RetryPolicy{Match: []func(error) bool{isNotExist}}, path, true},
		{"matcher says no", runtime.RetryPolicy{Match: []func(error) bool{isNotExist}}, plain, false},
		{"excluded by matcher", runtime.RetryPolicy{RetryFor: []string{"fs.PathError"}, DontMatch: []func(error) bool{isNotExist}}, path, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.p.Retries(c.err); got != c.want {
				t.Errorf("got %t for %v (%v)", got, c.err, runtime.ErrorNames(c.err))
			}
		})
	}
}

func TestErrorNames(t *testing.T) {
	err := fmt.Errorf("a: %w", errors.Join(namedError{errors.New("x")}, runtime.Errorf(runtime.CodeFull, "f")))
	got := runtime.ErrorNames(err)
	for _, want := range []string{"mail.bounced", "runtime_test.namedError", "full", "runtime.Error", "fmt.wrapError", "errors.joinError"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in %v", want, got)
		}
	}
	if runtime.ErrorNames(nil) != nil {
		t.Error("nil has names")
	}
}

func TestErrorWrappers(t *testing.T) {
	cause := errors.New("disk on fire")
	if runtime.Permanent(nil) != nil {
		t.Error("Permanent(nil) is an error")
	}
	for text, err := range map[string]error{
		"disk on fire":      runtime.Permanent(cause),
		"permanent failure": &runtime.PermanentError{},
		"retry requested":   runtime.RetryAfter(time.Second, nil),
	} {
		if err.Error() != text {
			t.Errorf("got %q, want %q", err, text)
		}
	}
	retry := runtime.RetryAfter(time.Second, cause)
	if retry.Error() != cause.Error() || !errors.Is(retry, cause) || !errors.Is(runtime.Permanent(cause), cause) {
		t.Error("a wrapper hides its cause")
	}
	if runtime.IsPermanent(retry) || !runtime.IsPermanent(fmt.Errorf("x: %w", runtime.Permanent(cause))) {
		t.Error("IsPermanent is wrong")
	}
}

func TestRetryPolicyJSON(t *testing.T) {
	p := runtime.RetryPolicy{
		Max: new(0), Backoff: 1500 * time.Millisecond, Cap: time.Hour, Constant: true, NoJitter: true,
		RetryFor: []string{"a"}, DontRetryFor: []string{"b"},
	}
	wire, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"maxRetries":0,"defaultDelayMs":1500,"backoffMaxMs":3600000,"backoff":false,"jitter":false,"autoRetryFor":["a"],"dontAutoRetryFor":["b"]}`
	if string(wire) != want {
		t.Errorf("got  %s\nwant %s", wire, want)
	}
	var back runtime.RetryPolicy
	if err := json.Unmarshal(wire, &back); err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("got %+v, %v", back, err)
	}

	var empty runtime.RetryPolicy
	if err := json.Unmarshal([]byte(`{}`), &empty); err != nil || !reflect.DeepEqual(empty, runtime.RetryPolicy{}) {
		t.Errorf("no keys: %+v, %v", empty, err)
	}
	var huge runtime.RetryPolicy
	if err := json.Unmarshal([]byte(`{"defaultDelayMs":9223372036854775807,"backoffMaxMs":-1}`), &huge); err != nil || huge.Backoff <= 0 || huge.Cap != 0 {
		t.Errorf("values out of range: %+v, %v", huge, err)
	}
	short, _ := json.Marshal(runtime.RetryPolicy{Backoff: time.Microsecond})
	if err := json.Unmarshal(short, &back); err != nil || back.Backoff != time.Millisecond {
		t.Errorf("a microsecond became %s (0 would be the default), %v", back.Backoff, err)
	}
	if err := json.Unmarshal([]byte(`{"maxRetries":"many"}`), &back); err == nil {
		t.Error("a word was taken for a number")
	}
}
