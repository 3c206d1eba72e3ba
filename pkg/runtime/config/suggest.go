package config

// didYouMean returns a hint naming the known word nearest to s, or "" when none
// is near enough to be meant.
func didYouMean(s string, known []string) string {
	if best := nearest(s, known); best != "" {
		return "did you mean " + best + "?"
	}
	return ""
}

func nearest(s string, known []string) string {
	best, bestDistance := "", max(2, len(s)/4)+1
	if len(s) < 4 {
		bestDistance = 2 // one letter: of a short word two are most of it
	}
	if len(s) > 64 {
		return ""
	}
	for _, k := range known {
		if d := EditDistance(s, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// EditDistance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b, byte by byte.
//
//   - Source: optimal string alignment (restricted Damerau–Levenshtein).
func EditDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
