package memory

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

type thing struct{ key, pos int }

// The heap must give its smallest first, whatever was pushed, changed or taken
// out of its middle.
func TestHeapAgainstSorting(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	h := heap[*thing]{less: func(a, b *thing) bool { return a.key < b.key }, pos: func(x *thing) *int { return &x.pos }}
	var in []*thing
	for range 20_000 {
		switch n := rnd.IntN(5); {
		case n < 2 || len(in) == 0:
			x := &thing{key: rnd.IntN(1000)}
			h.push(x)
			in = append(in, x)
		case n == 2:
			i := rnd.IntN(len(in))
			h.remove(in[i])
			h.remove(in[i]) // twice is once
			in = slices.Delete(in, i, i+1)
		case n == 3:
			x := in[rnd.IntN(len(in))]
			x.key = rnd.IntN(1000)
			h.fix(x)
		default:
			h.remove(h.top())
			in = slices.DeleteFunc(in, func(x *thing) bool { return x.pos == 0 })
		}
		if h.len() != len(in) {
			t.Fatalf("%d in the heap; want %d", h.len(), len(in))
		}
		if len(in) > 0 && h.top().key != slices.MinFunc(in, func(a, b *thing) int { return a.key - b.key }).key {
			t.Fatalf("top is %d; there is a smaller one", h.top().key)
		}
	}
}

func TestAgendaTakesWhatIsDue(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	a := newAgenda(func(x *thing) time.Time { return start.Add(time.Duration(x.key) * time.Second) }, func(x *thing) *int { return &x.pos })
	if !a.next().IsZero() {
		t.Fatal("an empty agenda has a next")
	}
	for _, key := range []int{5, 1, 3, 2, 4} {
		a.push(&thing{key: key})
	}
	var got []int
	do := func(x *thing) { got = append(got, x.key); a.remove(x) }
	if n, more := a.take(start.Add(3*time.Second), 2, do); n != 2 || !more {
		t.Fatalf("took %d, more %v; want 2 and more", n, more)
	}
	if n, more := a.take(start.Add(3*time.Second), 2, do); n != 1 || more {
		t.Fatalf("took %d, more %v; want the third, which is due at this instant, and no more", n, more)
	}
	if !slices.Equal(got, []int{1, 2, 3}) || !a.next().Equal(start.Add(4*time.Second)) {
		t.Fatalf("took %v, next %v", got, a.next())
	}
}
