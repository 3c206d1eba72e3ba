package main

import (
	"strings"
	"testing"
)

// madeUp is three repetitions of a drain in which the machine slowed down by half each time.
func madeUp() results {
	var rs results
	for rep, speed := range []float64{1, 0.5, 0.25} {
		for system, rate := range map[string]float64{"stem": 40_000, "backlite": 4_000, "river-tuned": 2_000, "raw": 80_000} {
			rs = append(rs, outcome{
				System: system, Scenario: "drain100", Sync: syncNormal, Rep: rep + 1,
				Figures: map[string]float64{"rate": rate * speed, "cpu_per_1k": 1e6 / rate / speed},
			})
		}
	}
	return rs
}

func TestRatioComparesWithinARepetition(t *testing.T) {
	t.Parallel()
	rs := madeUp()
	rate := figure{key: "rate", better: higher}
	if got, want := rs.ratio("stem", "backlite", "drain100", syncNormal, rate), (spread{10, 10, 10, 3}); got != want {
		t.Errorf("ratio of rates = %+v, want %+v: the slow-down must cancel out", got, want)
	}
	cpu := figure{key: "cpu_per_1k", better: lower}
	if got := rs.ratio("stem", "raw", "drain100", syncNormal, cpu).median; got != 0.5 {
		t.Errorf("ratio of costs = %v, want 0.5: twice as dear is half as good", got)
	}
	if got := rs.ratio("stem", "river", "drain100", syncNormal, rate); got.n != 0 {
		t.Errorf("ratio with a system that was not run = %+v, want none", got)
	}
}

func TestFailedRunsGiveNoFigure(t *testing.T) {
	t.Parallel()
	rs := madeUp()
	for i := range rs {
		rs[i].Failure = "ledger"
	}
	if got := rs.spread("stem", "drain100", syncNormal, "rate"); got.n != 0 {
		t.Errorf("spread of failed runs = %+v, want none", got)
	}
	if got := len(report{Outcomes: rs}.failures()); got != len(rs) {
		t.Errorf("%d failures reported, want %d", got, len(rs))
	}
}

func TestMainTable(t *testing.T) {
	t.Parallel()
	if len(columns()) == 0 || len(scenarios()) == 0 {
		t.Fatal("nothing to measure")
	}
	text := markdown(mainTable(madeUp(), syncNormal))
	for _, want := range []string{"20000 (10000..40000)", "10.0x", "0.500x"} {
		if !strings.Contains(text, want) {
			t.Errorf("table lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "sustain") {
		t.Errorf("table has a row for a scenario that was not run:\n%s", text)
	}
	var widths []int
	for line := range strings.Lines(text) {
		widths = append(widths, len([]rune(line)))
	}
	for _, w := range widths {
		if w != widths[0] {
			t.Fatalf("rows are not aligned: widths %v\n%s", widths, text)
		}
	}
}

func TestTargetsAreJudged(t *testing.T) {
	t.Parallel()
	met := map[string]string{}
	for _, v := range judge(madeUp()) {
		met[v.target] = v.met
	}
	for target, want := range map[string]string{
		"drain at concurrency 100: ≥ 8 × backlite":        "yes",
		"drain at concurrency 100: ≥ 12 × River":          "yes",
		"drain at concurrency 100: ≤ 25 ms CPU per 1,000": "no",
		"sustained, 16 producers: ≥ 60 % of the raw loop": "not measured",
		"enqueue to start, same process: p50 ≤ 0.5 ms":    "not measured",
	} {
		if got, ok := met[target]; !ok || got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}
