package main

// target is a promise about stem and how it is read off the results.
type target struct {
	text  string
	unit  string // behind the measured value: "x", " ms"
	meets func(v float64) bool
	value func(results) spread
}

// verdict is a target and what became of it.
type verdict struct {
	target   string
	measured string
	met      string // yes, no, not measured
}

func atLeast(limit float64) func(float64) bool { return func(v float64) bool { return v >= limit } }
func atMost(limit float64) func(float64) bool  { return func(v float64) bool { return v <= limit } }
func below(limit float64) func(float64) bool   { return func(v float64) bool { return v < limit } }

// targets lists the promises; every one is about synchronous=NORMAL, results stored, at least once.
func targets() []target {
	return []target{
		{"drain at concurrency 100: ≥ 8 × backlite", "x", atLeast(8), rateRatio("drain100", "backlite")},
		{"drain at concurrency 100: ≥ 12 × River", "x", atLeast(12), rateRatio("drain100", "river-tuned")},
		{"drain at concurrency 100: ≤ 25 ms CPU per 1,000", " ms", atMost(25), figureOf("drain100", "cpu_per_1k")},
		{"sustained, 16 producers: ≥ 3 × backlite", "x", atLeast(3), rateRatio("sustain", "backlite")},
		{"sustained, 16 producers: ≥ 10 × River", "x", atLeast(10), rateRatio("sustain", "river-tuned")},
		{"sustained, 16 producers: ≥ 60 % of the raw loop", "x", atLeast(0.6), rateRatio("sustain", "raw")},
		{"batches of 1,000: ≥ 2 × backlite", "x", atLeast(2), rateRatio("enqb1000", "backlite")},
		{"enqueue to start, same process: p50 ≤ 0.5 ms", " ms", atMost(0.5), figureOf("lat", "p50")},
		{"enqueue to start, same process: p99 ≤ 25 ms", " ms", atMost(25), figureOf("lat", "p99")},
		{"enqueue to start, across processes: p50 ≤ 10 ms", " ms", atMost(10), figureOf("latx", "p50")},
		{"enqueue to start, across processes: p99 ≤ 25 ms", " ms", atMost(25), figureOf("latx", "p99")},
		{"idle worker: < 1 % of a core", " %", below(1), figureOf("idle", "cpu_pct")},
		{"memory store: ≥ 100,000 tasks/s", " /s", atLeast(100_000), figureOf("memory", "rate")},
		{"worker memory with a backlog of 1,000,000: ≤ 60 MB", " MB", atMost(60), figureOf("rss1m", "rss_peak")},
		{"claim from 1,000,000 waiting ≤ 1.5 × claim from 1,000", "x", atMost(1.5), claimGrowth},
	}
}

// judge reads every target off the results.
func judge(rs results) []verdict {
	var verdicts []verdict
	for _, t := range targets() {
		v := verdict{target: t.text, measured: "–", met: "not measured"}
		if s := t.value(rs); s.n > 0 {
			v.measured = s.String() + t.unit
			v.met = "no"
			if t.meets(s.median) {
				v.met = "yes"
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func rateRatio(scenario, peer string) func(results) spread {
	return func(rs results) spread {
		return rs.ratio("stem", peer, scenario, syncNormal, figure{key: "rate", better: higher})
	}
}

func figureOf(scenario, key string) func(results) spread {
	return func(rs results) spread { return rs.spread("stem", scenario, syncNormal, key) }
}

// claimGrowth is how much dearer a claim is from the longest queue than from the shortest.
func claimGrowth(rs results) spread {
	long := rs.figure("stem", "claim1m", syncNormal, "claim_us")
	short := rs.figure("stem", "claim1k", syncNormal, "claim_us")
	var ratios []float64
	for rep, v := range long {
		if w := short[rep]; w > 0 {
			ratios = append(ratios, v/w)
		}
	}
	return spreadOf(ratios)
}

// verdictTable is the verdicts as rows under a head.
func verdictTable(verdicts []verdict) [][]string {
	rows := [][]string{{"target", "measured", "met"}}
	for _, v := range verdicts {
		rows = append(rows, []string{v.target, v.measured, v.met})
	}
	return rows
}
