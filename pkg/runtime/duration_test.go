package runtime_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "250ms": 250 * time.Millisecond, "1.5s": 1500 * time.Millisecond, "90m": 90 * time.Minute,
		"1h30m": 90 * time.Minute, "1d": day, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "2d1ms": 2*day + time.Millisecond,
		" 5m ": 5 * time.Minute, "106751d": 106751 * day, "7µs": 7 * time.Microsecond,
	} {
		if got, err := runtime.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "5", "1.5", "1e3", "-5s", "+5s", "1d-1h", "1d+1h", "d", "xd", "NaNd", "infd", "-1d", "106752d", "1e300d",
		"106751d24h", "1h1d", "1d1d", "1day", "10 s", "s", "1w", "5s\x00", "NaN", "9999999999h",
	} {
		d, err := runtime.ParseDuration(text)
		if !errors.Is(err, runtime.ErrInvalid) || runtime.HintOf(err) == "" {
			t.Errorf("%q: got %s, %v (hint %q)", text, d, err, runtime.HintOf(err))
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 2 * time.Minute: "2m", time.Hour: "1h", 90 * time.Minute: "1h30m", 24 * time.Hour: "1d",
		36*time.Hour + time.Second: "1d12h0m1s", 10 * time.Minute: "10m", 20 * time.Hour: "20h", 1500 * time.Millisecond: "1.5s",
		-time.Minute: "-1m", math.MinInt64: "-" + runtime.FormatDuration(math.MaxInt64),
	} {
		if got := runtime.FormatDuration(d); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"1d12h", "250ms", "0", "1.5d", "NaNd", "-1s", "106751d23h47m16.854775807s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := runtime.ParseDuration(s)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("%q is %d", s, d)
		}
		again, err := runtime.ParseDuration(runtime.FormatDuration(d))
		if err != nil || again != d {
			t.Fatalf("%q is %d, written %q, read %d, %v", s, d, runtime.FormatDuration(d), again, err)
		}
	})
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]runtime.Rate{
		"10/s": {N: 10, Per: time.Second}, "100/m": {N: 100, Per: time.Minute}, "5/h": {N: 5, Per: time.Hour},
		"1000/d": {N: 1000, Per: 24 * time.Hour}, "3/10s": {N: 3, Per: 10 * time.Second}, " 1/1.5s ": {N: 1, Per: 1500 * time.Millisecond},
	} {
		got, err := runtime.ParseRate(text)
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
		if back, err := runtime.ParseRate(got.String()); err != nil || back != want {
			t.Errorf("%q is written %q, read %v, %v", text, got, back, err)
		}
	}
	if s := (runtime.Rate{N: 10, Per: time.Second}).String(); s != "10/s" {
		t.Errorf("got %q", s)
	}
	// W15: what cannot be read is never silently no limit.
	for _, text := range []string{"", "10", "/s", "10/", "0/s", "-1/s", "x/s", "10/0s", "10/x", "10/-1s", "1.5/s", "10/s/s", "99999999999999999999/s"} {
		if r, err := runtime.ParseRate(text); !errors.Is(err, runtime.ErrInvalid) || runtime.HintOf(err) == "" {
			t.Errorf("%q: got %v, %v", text, r, err)
		}
	}
}

func FuzzRate(f *testing.F) {
	for _, s := range []string{"10/s", "3/10s", "1/1d", "5/1.5h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := runtime.ParseRate(s)
		if err != nil {
			return
		}
		if back, err := runtime.ParseRate(r.String()); err != nil || back != r {
			t.Fatalf("%q is %+v, written %q, read %+v, %v", s, r, r, back, err)
		}
	})
}
