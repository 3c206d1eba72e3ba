package memory

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// A line serves the oldest first, whoever leaves it and comes back.
func TestLineAgainstSorting(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	l := newLine()
	var in, out []*task
	var seq uint64
	for range 20_000 {
		switch n := rnd.IntN(6); {
		case n < 2:
			seq++
			in = append(in, &task{seq: seq})
			l.add(in[len(in)-1])
		case n == 2 && len(out) > 0:
			i := rnd.IntN(len(out))
			l.add(out[i])
			in = append(in, out[i])
			out = slices.Delete(out, i, i+1)
		case n == 3 && len(in) > 0:
			i := rnd.IntN(len(in))
			l.remove(in[i])
			out = append(out, in[i])
			in = slices.Delete(in, i, i+1)
		case len(in) > 0:
			slices.SortFunc(in, func(a, b *task) int { return cmp.Compare(a.seq, b.seq) })
			if l.first() != in[0] || l.len() != len(in) {
				t.Fatalf("first is %d of %d; want %d of %d", l.first().seq, l.len(), in[0].seq, len(in))
			}
			if i := rnd.IntN(len(in)); l.before(in[i]) != int64(i) {
				t.Fatalf("%d are before the one that has %d before it", l.before(in[i]), i)
			}
			l.remove(in[0])
			out = append(out, in[0])
			in = in[1:]
		}
	}
}
