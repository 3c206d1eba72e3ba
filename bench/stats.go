package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// spread is a figure over all repetitions.
type spread struct {
	median, min, max float64
	n                int
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	return spread{
		median: percentile(values, 50),
		min:    slices.Min(values),
		max:    slices.Max(values),
		n:      len(values),
	}
}

// percentile interpolates linearly between the two nearest values; p is 0 to 100. No values give zero.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := p / 100 * float64(len(sorted)-1)
	low, fraction := int(math.Floor(rank)), rank-math.Floor(rank)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + fraction*(sorted[low+1]-sorted[low])
}

// String is "median (min..max)", or the value alone when there is one.
func (s spread) String() string {
	switch s.n {
	case 0:
		return "–"
	case 1:
		return number(s.median)
	}
	return fmt.Sprintf("%s (%s..%s)", number(s.median), number(s.min), number(s.max))
}

// number shows three significant digits, and all digits before the point.
func number(v float64) string {
	if v == 0 || math.Abs(v) >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	decimals := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	return strconv.FormatFloat(v, 'f', min(decimals, 4), 64)
}
