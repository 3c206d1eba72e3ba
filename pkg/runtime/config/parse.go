package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// The parsers turn an item into a value. Their errors say what is wanted and
// what is there; the caller adds key and place.

func wrong(want string, it item) error {
	return &runtime.Error{Code: runtime.CodeInvalid, Message: fmt.Sprintf("want %s, got %s", want, it.word())}
}

// asText accepts words and numbers. A bare yes or true is refused, because who
// writes it into a text field hardly means the text.
func asText(it item) (string, error) {
	if it.kind != scalar || it.tag == tagNull {
		return "", wrong("text", it)
	}
	if it.tag == tagBool {
		return "", &runtime.Error{Code: runtime.CodeInvalid, Message: "want text, got " + it.text, Hint: `write "` + it.text + `" in quotes`}
	}
	return it.text, nil
}

// asAnyText accepts every scalar: the values of an environment.
func asAnyText(it item) (string, error) {
	if it.kind != scalar || it.tag == tagNull {
		return "", wrong("text", it)
	}
	return it.text, nil
}

func asName(what string) func(item) (string, error) {
	return func(it item) (string, error) {
		s, err := asText(it)
		if err != nil {
			return "", err
		}
		return s, runtime.CheckName(what, s)
	}
}

func oneOf(words ...string) func(item) (string, error) {
	return func(it item) (string, error) {
		s, err := asText(it)
		if err == nil && !slices.Contains(words, s) {
			err = &runtime.Error{
				Code: runtime.CodeInvalid, Message: "want " + strings.Join(words, ", ") + "; got " + it.word(),
				Hint: didYouMean(s, words),
			}
		}
		return s, err
	}
}

func asBool(it item) (bool, error) {
	if it.kind == scalar {
		switch strings.ToLower(it.text) {
		case "true", "yes", "1":
			return true, nil
		case "false", "no", "0":
			return false, nil
		}
	}
	return false, wrong("true or false", it)
}

func asInt(low, high int) func(item) (int, error) {
	return func(it item) (int, error) {
		n, err := strconv.Atoi(it.text)
		if it.kind != scalar || err != nil {
			return 0, wrong("a whole number", it)
		}
		if n < low || n > high {
			return 0, wrong(fmt.Sprintf("a number from %d to %d", low, high), it)
		}
		return n, nil
	}
}

func asDuration(it item) (time.Duration, error) {
	if it.kind != scalar || it.tag == tagNull {
		return 0, wrong(`a duration like "30s"`, it)
	}
	return runtime.ParseDuration(it.text)
}

// asPositive is a duration that must not be zero.
func asPositive(it item) (time.Duration, error) {
	d, err := asDuration(it)
	if err == nil && d <= 0 {
		err = wrong("a duration above zero", it)
	}
	return d, err
}

func asAtLeast(least time.Duration) func(item) (time.Duration, error) {
	return func(it item) (time.Duration, error) {
		d, err := asDuration(it)
		if err == nil && d < least {
			err = wrong("at least "+runtime.FormatDuration(least), it)
		}
		return d, err
	}
}

func asRate(it item) (runtime.Rate, error) {
	if it.kind != scalar || it.tag == tagNull {
		return runtime.Rate{}, wrong(`a rate like "10/s"`, it)
	}
	if it.text == "0" {
		return runtime.Rate{}, nil // none: a task can lift what the defaults set
	}
	return runtime.ParseRate(it.text)
}

var byteUnits = []struct {
	suffix string
	size   int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"kB", 1e3}, {"B", 1}, {"", 1}}

// asBytes reads "64KiB", "10MB" or a bare number of bytes.
func asBytes(it item) (int64, error) {
	bad := wrong(`a size like "64KiB" or "10MB"`, it)
	if it.kind != scalar {
		return 0, bad
	}
	for _, u := range byteUnits {
		head, ok := strings.CutSuffix(it.text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(head), 10, 64)
		if err != nil || n <= 0 || n > (1<<40)/u.size {
			return 0, bad
		}
		return n * u.size, nil
	}
	return 0, bad
}

// asList reads a list of what one reads; text from a variable or a flag is
// split at commas.
func asList[V any](one func(item) (V, error)) func(item) ([]V, error) {
	return func(it item) ([]V, error) {
		parts := it.list
		switch {
		case it.kind == mapping || it.empty():
			return nil, wrong("a list", it)
		case it.kind == scalar && it.at.Layer == LayerFile:
			parts = []item{it} // one word stands for a list of one
		case it.kind == scalar:
			for word := range strings.SplitSeq(it.text, ",") {
				if word = strings.TrimSpace(word); word != "" {
					parts = append(parts, textItem(word, it.at))
				}
			}
		}
		out := make([]V, 0, len(parts))
		for _, p := range parts {
			v, err := one(p)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
}

// asCodes reads numbers and ranges: [408, 500-599].
func asCodes(low, high int) func(item) ([]int, error) {
	read := asList(func(it item) ([]int, error) {
		first, last, isRange := strings.Cut(it.text, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if it.kind != scalar || err1 != nil || err2 != nil || from < low || to > high || from > to {
			return nil, wrong(fmt.Sprintf("a code from %d to %d, or a range of them", low, high), it)
		}
		codes := make([]int, 0, to-from+1)
		for code := from; code <= to; code++ {
			codes = append(codes, code)
		}
		return codes, nil
	})
	return func(it item) ([]int, error) {
		lists, err := read(it)
		return slices.Concat(lists...), err
	}
}

// asTexts reads a mapping of words to text.
func asTexts(it item) (map[string]string, error) {
	if it.kind != mapping {
		return nil, wrong("a mapping of names to text", it)
	}
	out := make(map[string]string, len(it.entries))
	for _, e := range it.entries {
		v, err := asAnyText(e.val)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", clean(e.key), err)
		}
		out[e.key] = v
	}
	return out, nil
}

// asShares reads queues: a list, a mapping to weights, or "mail=3,default=1".
func asShares(it item) ([]runtime.QueueShare, error) {
	weight := asInt(1, 1000)
	if it.kind == mapping {
		shares := make([]runtime.QueueShare, 0, len(it.entries))
		for _, e := range it.entries {
			w, err := weight(e.val)
			if err != nil {
				return nil, fmt.Errorf("weight of %s: %w", clean(e.key), err)
			}
			shares = append(shares, runtime.QueueShare{Queue: e.key, Weight: w})
		}
		return shares, checkShares(shares)
	}
	shares, err := asList(func(it item) (runtime.QueueShare, error) {
		text, err := asText(it)
		if err != nil {
			return runtime.QueueShare{}, err
		}
		name, w, weighted := strings.Cut(text, "=")
		if !weighted {
			return runtime.QueueShare{Queue: name}, nil
		}
		n, err := weight(textItem(w, it.at))
		return runtime.QueueShare{Queue: name, Weight: n}, err
	})(it)
	if err != nil {
		return nil, err
	}
	return shares, checkShares(shares)
}

func checkShares(shares []runtime.QueueShare) error {
	if len(shares) == 0 {
		return runtime.Errorf(runtime.CodeInvalid, "want at least one queue")
	}
	seen := map[string]bool{}
	for _, s := range shares {
		if err := runtime.CheckName("queue", s.Queue); err != nil {
			return err
		}
		if seen[s.Queue] {
			return runtime.Errorf(runtime.CodeInvalid, "queue "+s.Queue+" is named twice")
		}
		seen[s.Queue] = true
	}
	return nil
}
