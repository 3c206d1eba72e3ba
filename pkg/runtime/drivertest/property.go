package drivertest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The property tier: random sequences of operations, small enough in their ids
// and keys that they meet, run against the driver and the model side by side.
// After each step the answers and the contents must be the same.
//
// STEM_PROPERTY_RUNS sets how many sequences; STEM_PROPERTY_SEED repeats one.
const (
	propertyRuns  = 200
	propertySteps = 60
	propertyChunk = 10               // sequences whose stores are open at the same time
	propertyTime  = 20 * time.Second // the default runs stop here
)

func runProperty(t *testing.T, h Harness) {
	b := openStore(t, h.New(t, NewClock().Now))
	for _, p := range append(work, hasLimits) {
		if !p.in(b) {
			t.Skipf("the %s driver has no %s port", h.Name, p.name)
		}
	}
	runs, unbounded := propertyRuns, false
	if s := os.Getenv("STEM_PROPERTY_RUNS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("STEM_PROPERTY_RUNS: %v", err)
		}
		runs, unbounded = n, true
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("STEM_PROPERTY_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("STEM_PROPERTY_SEED: %v", err)
		}
		seed, runs = n, 1
	}
	start, done := time.Now(), 0
	for done < runs && !t.Failed() && (unbounded || time.Since(start) < propertyTime) {
		n := min(propertyChunk, runs-done)
		t.Run(fmt.Sprintf("%dTo%d", done+1, done+n), func(t *testing.T) {
			for i := range n {
				trySeed(t, h, seed+uint64(done+i))
			}
		})
		done += n
	}
	t.Logf("%d sequences of %d steps", done, propertySteps)
}

func trySeed(t *testing.T, h Harness, seed uint64) {
	ops := randomOps(seed, propertySteps)
	failed := tryOps(t, h, ops)
	if failed == nil {
		return
	}
	failed = shorten(t, h, ops, failed)
	t.Fatalf("STEM_PROPERTY_SEED=%d: after %d steps (made shorter)\n%s\n%s",
		seed, len(failed.story), strings.Join(failed.story, "\n"), failed.what)
}

// op is one operation, as numbers: what they mean is decided against the state
// at hand, so that any part of a sequence is a sequence.
type op struct {
	kind    int
	a, b, c int
	d, e, f int
}

func randomOps(seed uint64, n int) []op {
	rng := rand.New(rand.NewPCG(seed, 3))
	ops := make([]op, n)
	for i := range ops {
		r := func() int { return rng.IntN(1 << 20) }
		ops[i] = op{kind: pickKind(rng), a: r(), b: r(), c: r(), d: r(), e: r(), f: r()}
	}
	return ops
}

func pickKind(rng *rand.Rand) int {
	total := 0
	for _, k := range opKinds {
		total += k.weight
	}
	n := rng.IntN(total)
	for i, k := range opKinds {
		if n -= k.weight; n < 0 {
			return i
		}
	}
	return 0
}

// failure is where two stores differ, and the story so far.
type failure struct {
	what  string
	story []string
}

// tryOps runs a sequence on fresh stores and returns the first difference.
func tryOps(t *testing.T, h Harness, ops []op) *failure {
	clock := NewClock()
	sides := []*side{newSide(t, h.Name, h.New, clock)}
	if h.Model != nil {
		sides = append(sides, newSide(t, "model", h.Model, clock))
	}
	return runOps(clock, sides, ops)
}

func runOps(clock *Clock, sides []*side, ops []op) *failure {
	var story []string
	for i, o := range ops {
		k := opKinds[o.kind]
		if k.name == "pass" {
			clock.Advance(pick(pauses, o.a))
		}
		var told []string
		for _, s := range sides {
			what, answer := k.run(s, o)
			if s == sides[0] {
				story = append(story, fmt.Sprintf("%2d %s %s", i+1, k.name, what))
			}
			told = append(told, "answer: "+answer+"\n"+s.contents())
		}
		for j, s := range sides {
			if s.err != nil {
				return &failure{fmt.Sprintf("%s: %v", s.name, s.err), story}
			}
			if told[j] != told[0] {
				return &failure{differing(sides[0].name, told[0], s.name, told[j]), story}
			}
		}
	}
	return nil
}

// differing shows the lines in which two texts differ.
func differing(nameA, a, nameB, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	inA, inB := map[string]bool{}, map[string]bool{}
	for _, l := range as {
		inA[l] = true
	}
	for _, l := range bs {
		inB[l] = true
	}
	var out []string
	for _, l := range as {
		if !inB[l] {
			out = append(out, fmt.Sprintf("%-8s %s", nameA, l))
		}
	}
	for _, l := range bs {
		if !inA[l] {
			out = append(out, fmt.Sprintf("%-8s %s", nameB, l))
		}
	}
	if len(out) == 0 {
		out = append(out, "the same lines in another order:", a, b)
	}
	return strings.Join(out, "\n")
}

// shorten makes a failing sequence as short as it gets within some seconds.
func shorten(t *testing.T, h Harness, ops []op, failed *failure) *failure {
	deadline := time.Now().Add(20 * time.Second)
	ops = ops[:len(failed.story)]
	for size := max(len(ops)/2, 1); size >= 1; size /= 2 {
		for from := 0; from+size <= len(ops) && time.Now().Before(deadline); {
			shorter := append(append([]op(nil), ops[:from]...), ops[from+size:]...)
			if f := tryOps(t, h, shorter); f != nil {
				ops, failed = shorter[:len(f.story)], f
			} else {
				from += size
			}
		}
	}
	return failed
}
