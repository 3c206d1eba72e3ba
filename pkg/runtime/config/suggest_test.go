package config

import "testing"

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"same", "same", 0}, {"quues", "queues", 1}, {"qeueus", "queues", 2}, {"ab", "ba", 1}, {"kitten", "sitting", 3}} {
		if got := EditDistance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"max", "cap", "for", "backoff", "concurrency"}
	for s, want := range map[string]string{"mxa": "max", "xyz": "", "backof": "backoff", "concurency": "concurrency", "concurrent": "concurrency", "nonsense": "", "": ""} {
		if got := nearest(s, known); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
