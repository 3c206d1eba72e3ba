package memory

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A shelf is held against a plain slice: what is on it is found in order from
// any number, and what is taken off leaves no more behind than part of a board.
func TestShelfAgainstSlice(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var (
		s     shelf[int]
		model []uint64
		spots = map[uint64]spot[int]{}
		no    uint64
	)
	for step := range 30_000 {
		if rnd.IntN(100) < 52 || len(model) == 0 {
			no += 1 + uint64(rnd.IntN(3))
			spots[no] = s.put(no, int(no))
			model = append(model, no)
		} else {
			i := min(rnd.IntN(len(model)), rnd.IntN(len(model))) // rather the old ones
			s.remove(spots[model[i]])
			model = slices.Delete(model, i, i+1)
		}
		if step%500 == 0 {
			checkShelf(t, &s, model, uint64(rnd.IntN(int(no)+2)))
		}
	}
	for _, n := range model {
		s.remove(spots[n])
	}
	if len(s.boards) > 1 {
		t.Fatalf("an empty shelf keeps %d boards", len(s.boards))
	}
	checkShelf(t, &s, nil, fromOldest)
}

func checkShelf(t *testing.T, s *shelf[int], model []uint64, from uint64) {
	t.Helper()
	var up, down, wantUp, wantDown []uint64
	s.upwards(from, func(no uint64, _ int) bool { up = append(up, no); return true })
	s.downwards(from, func(no uint64, _ int) bool { down = append(down, no); return true })
	for _, no := range model {
		if no > from {
			wantUp = append(wantUp, no)
		}
	}
	for _, no := range slices.Backward(model) {
		if no < from {
			wantDown = append(wantDown, no)
		}
	}
	if !slices.Equal(up, wantUp) || !slices.Equal(down, wantDown) {
		t.Fatalf("from %d: up %d of %d, down %d of %d, or out of order", from, len(up), len(wantUp), len(down), len(wantDown))
	}
}

func TestShelfStopsWhenTold(t *testing.T) {
	var s shelf[int]
	for no := range uint64(3 * boardLength) {
		s.put(no+1, 0)
	}
	n := 0
	stop := func(uint64, int) bool { n++; return n%10 != 0 }
	s.upwards(fromOldest, stop)
	s.downwards(fromNewest, stop)
	if n != 20 {
		t.Fatalf("called %d times; want 20", n)
	}
}
