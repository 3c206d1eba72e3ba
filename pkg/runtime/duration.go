package runtime

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads the one duration grammar of stem: Go's, plus "d" for 24
// hours in front ("1d12h", "90m", "250ms"). Negative values and bare numbers
// are refused.
//
//   - Errors: ErrInvalid with an example of what is right.
func ParseDuration(s string) (time.Duration, error) {
	bad := func(why string) error {
		return &Error{Code: CodeInvalid, Message: fmt.Sprintf("bad duration %q: %s", s, why), Hint: `write it like "250ms", "30s", "5m", "2h" or "1d12h"`}
	}
	rest := strings.TrimSpace(s)
	if rest == "" {
		return 0, bad("it is empty")
	}
	if rest == "0" {
		return 0, nil
	}
	if strings.ContainsAny(rest, "+-") {
		return 0, bad("it has a sign")
	}
	if _, err := strconv.ParseFloat(rest, 64); err == nil {
		return 0, bad("it has no unit")
	}
	var days time.Duration
	if head, tail, found := strings.Cut(rest, "d"); found {
		n, err := strconv.ParseFloat(head, 64)
		ns := n * float64(24*time.Hour)
		if err != nil || !(ns < math.MaxInt64) { // also when it is not a number
			return 0, bad("the days are not a number, or too many")
		}
		if days, rest = time.Duration(ns), tail; rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, bad("it is not understood")
	}
	if days > math.MaxInt64-d {
		return 0, bad("it is too long")
	}
	return days + d, nil
}

// FormatDuration writes d so that ParseDuration reads it back, with days for
// 24 hours and without trailing zero units ("2m0s" becomes "2m"). A negative
// one, which ParseDuration refuses, has a minus in front.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	if d < 0 {
		return "-" + FormatDuration(-max(d, -math.MaxInt64)) // the least one has no positive
	}
	out := ""
	if days := d / (24 * time.Hour); days > 0 {
		out = strconv.FormatInt(int64(days), 10) + "d"
		d -= days * 24 * time.Hour
	}
	if d > 0 {
		s := d.String()
		if strings.HasSuffix(s, "m0s") {
			s = strings.TrimSuffix(s, "0s")
		}
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
		out += s
	}
	return out
}

// Rate is a number of executions per period: "10/s".
type Rate struct {
	N   int
	Per time.Duration
}

// ParseRate reads "10/s", "100/m", "5/h", "1000/d" or a period with a number,
// "3/10s".
//
//   - Errors: ErrInvalid: a limit that cannot be read is never silently no
//     limit.
func ParseRate(s string) (Rate, error) {
	bad := &Error{Code: CodeInvalid, Message: fmt.Sprintf("bad rate %q", s), Hint: `write it like "10/s", "100/m", "5/h" or "3/10s"`}
	head, tail, found := strings.Cut(strings.TrimSpace(s), "/")
	n, err := strconv.Atoi(head)
	if !found || err != nil || n <= 0 || tail == "" {
		return Rate{}, bad
	}
	if tail[0] < '0' || tail[0] > '9' {
		tail = "1" + tail
	}
	per, err := ParseDuration(tail)
	if err != nil || per <= 0 {
		return Rate{}, bad
	}
	return Rate{N: n, Per: per}, nil
}

// String writes the rate so that ParseRate reads it back.
func (r Rate) String() string {
	per := FormatDuration(r.Per)
	switch per {
	case "1s", "1m", "1h", "1d":
		per = per[1:]
	}
	return strconv.Itoa(r.N) + "/" + per
}
