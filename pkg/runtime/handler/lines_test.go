package handler

import (
	"strings"
	"testing"
	"testing/iotest"
)

func TestEachLine(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	cases := []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", nil},
		{"one", "a\n", []string{"a"}},
		{"unfinished", "a\nb", []string{"a", "b"}},
		{"empty lines", "\n\na\n", []string{"", "", "a"}},
		{"carriage returns", "a\r\nb\r\n", []string{"a", "b"}},
		{"too long", long + "\nshort\n", []string{"xxxxxxxxxx+", "short"}},
		{"too long and unfinished", "a\n" + long, []string{"a", "xxxxxxxxxx+"}},
		{"just not too long", "1234567890\n", []string{"1234567890"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			eachLine(iotest.HalfReader(strings.NewReader(c.in)), 10, func(line []byte, cut bool) {
				s := string(line)
				if cut {
					s += "+"
				}
				got = append(got, s)
			})
			if strings.Join(got, "|") != strings.Join(c.want, "|") || len(got) != len(c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzEachLine(f *testing.F) {
	f.Add("a\nb\r\n\nccc", 2)
	f.Fuzz(func(t *testing.T, in string, limit int) {
		if limit < 0 || limit > 1<<20 {
			return
		}
		n := 0
		eachLine(strings.NewReader(in), limit, func(line []byte, cut bool) {
			n++
			if len(line) > limit {
				t.Errorf("a line of %d bytes with limit %d", len(line), limit)
			}
		})
		want := strings.Count(in, "\n")
		if in != "" && !strings.HasSuffix(in, "\n") {
			want++
		}
		if n != want {
			t.Errorf("%d lines of %q, want %d", n, in, want)
		}
	})
}
