package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// cutOffLegend explains cutOffMark.
const cutOffLegend = `\* cut off before all was done, see below: the figure is of what was done by then.`

// report is everything a finished run knows; it can be stored and rendered again.
type report struct {
	Machine  machine `json:"machine"`
	Reps     int     `json:"reps"`
	Scale    scale   `json:"scale"`
	Outcomes results `json:"outcomes"`
}

// failures lists the runs that gave no figure, or whose ledger was wrong.
func (r report) failures() []string {
	var lines []string
	for _, o := range r.Outcomes {
		if o.Failure != "" {
			lines = append(lines, fmt.Sprintf("%s/%s/%s rep %d: %s", o.Scenario, o.System, o.Sync, o.Rep, o.Failure))
		}
	}
	return lines
}

// smoke is what a run shows whose figures mean nothing.
func (r report) smoke() string {
	return markdown(r.ledgerTable()) + "\nA smoke run: the ledgers count, figures this small mean nothing.\n"
}

// tables is the short form for the terminal.
func (r report) tables() string {
	var b strings.Builder
	for _, sync := range []string{syncNormal, syncFull} {
		if rows := mainTable(r.Outcomes, sync); len(rows) > 1 {
			fmt.Fprintf(&b, "synchronous=%s\n\n%s\n", sync, markdown(rows))
		}
	}
	b.WriteString(markdown(verdictTable(judge(r.Outcomes))))
	return b.String()
}

// document is the page that is published.
func (r report) document() string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n")
	b.WriteString("Written by `go run .` in bench/; do not edit. bench/doc.go tells how a number comes about.\n\n")
	for _, line := range r.Machine.lines() {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	fmt.Fprintf(&b, "- WAL on all sides, results stored, delivery at least once; %d interleaved repetitions: median (min..max); a ratio above 1 favours stem\n", r.Reps)
	fmt.Fprintf(&b, "- %s\n\n", r.disturbance())
	fmt.Fprintf(&b, "## Targets\n\n%s\n", markdown(verdictTable(judge(r.Outcomes))))
	for _, sync := range []string{syncNormal, syncFull} {
		if rows := mainTable(r.Outcomes, sync); len(rows) > 1 {
			fmt.Fprintf(&b, "## synchronous=%s\n\n%s\n%s\n\n", sync, markdown(rows), cutOffLegend)
		}
	}
	fmt.Fprintf(&b, "## What the rows measure\n\n%s\n", r.scenarioNotes())
	fmt.Fprintf(&b, "## What the columns are\n\n%s\n", r.columnNotes())
	fmt.Fprintf(&b, "## Batch sizes reached\n\nMean number of tasks that shared one step, median of the repetitions.\n\n%s\n", markdown(r.batchTable()))
	fmt.Fprintf(&b, "## Ledgers\n\nEvery run: in = out + left, every task out was run, none unknown. Summed over the repetitions.\n\n%s", markdown(r.ledgerTable()))
	return b.String()
}

// disturbance tells how much of the machine others used, so that a reader can judge the spread.
func (r report) disturbance() string {
	var others []float64
	for _, o := range r.Outcomes {
		if v, ok := o.Figures["other_cpu"]; ok {
			others = append(others, v)
		}
	}
	const quiet = 15
	median := percentile(others, 50)
	text := fmt.Sprintf("CPU that other processes used during the runs, in percent of one core: median %s, worst run %s",
		number(median), number(percentile(others, 100)))
	if median > quiet {
		text += ". **The machine was not quiet**: trust the CPU figures and the ratios more than the rates"
	}
	return text
}

// scenarioNotes explains every scenario that was run, whom it leaves out, and every run that was cut off.
func (r report) scenarioNotes() string {
	var b strings.Builder
	for _, s := range scenarios() {
		if !slices.ContainsFunc(r.Outcomes, func(o outcome) bool { return o.Scenario == s.name }) {
			continue
		}
		fmt.Fprintf(&b, "- **%s**: %s", s.name, s.about)
		if s.load != nil {
			fmt.Fprintf(&b, "; %d tasks stored beforehand", s.load(r.Scale))
		}
		b.WriteString(r.exclusions(s) + ".\n")
		for _, note := range r.cutOffs(s.name) {
			fmt.Fprintf(&b, "  - %s\n", note)
		}
	}
	return b.String()
}

// exclusions names the systems that a scenario leaves out, by reason.
func (r report) exclusions(s scenario) string {
	text, names := "", map[string][]string{}
	for _, c := range columns() {
		why := s.excludes(c)
		if why == "" || c.skip != nil && c.skip(s.name) != "" || !r.Outcomes.has(c.name, syncNormal) {
			continue
		}
		names[why] = append(names[why], c.name)
	}
	for _, why := range slices.Sorted(maps.Keys(names)) {
		text += fmt.Sprintf("; without %s (%s)", strings.Join(names[why], ", "), why)
	}
	return text
}

// cutOffs lists the notes of a scenario's first repetition.
func (r report) cutOffs(scenario string) []string {
	var notes []string
	for _, o := range r.Outcomes {
		if o.Scenario == scenario && o.Rep == 1 && o.Note != "" {
			notes = append(notes, fmt.Sprintf("%s, synchronous=%s: %s", o.System, o.Sync, o.Note))
		}
	}
	return notes
}

func (r report) columnNotes() string {
	var b strings.Builder
	for _, c := range columns() {
		if r.Outcomes.has(c.name, syncNormal) {
			fmt.Fprintf(&b, "- **%s**: %s.\n", c.name, c.about)
		}
	}
	return b.String()
}

// batchTable has a row for each system and scenario that knows its batches.
func (r report) batchTable() [][]string {
	steps := []string{"enqueue", "claim", "settle"}
	rows := [][]string{append([]string{"scenario", "system", "synchronous"}, steps...)}
	r.eachRun(func(scenario, system, sync string, runs results) {
		row := []string{scenario, system, sync}
		known := false
		for _, step := range steps {
			var sizes []float64
			for _, o := range runs {
				if v, ok := o.Batches[step]; ok {
					sizes = append(sizes, v)
				}
			}
			known = known || len(sizes) > 0
			cell := "–"
			if len(sizes) > 0 {
				cell = number(percentile(sizes, 50))
			}
			row = append(row, cell)
		}
		if known {
			rows = append(rows, row)
		}
	})
	return rows
}

func (r report) ledgerTable() [][]string {
	rows := [][]string{{"scenario", "system", "synchronous", "in", "out", "left", "run", "duplicates", "ledger"}}
	r.eachRun(func(scenario, system, sync string, runs results) {
		var sum Ledger
		verdict := "exact"
		for _, o := range runs {
			sum = sum.plus(o.Ledger)
			if o.Failure != "" {
				verdict = "FAILED"
			}
		}
		row := []string{scenario, system, sync}
		for _, n := range []int{sum.In, sum.Out, sum.Left, sum.Run, sum.Duplicates} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, append(row, verdict))
	})
	return rows
}

// eachRun calls f with the repetitions of every scenario, synchronous level and system that was run.
func (r report) eachRun(f func(scenario, system, sync string, runs results)) {
	for _, s := range scenarios() {
		for _, sync := range []string{syncNormal, syncFull} {
			for _, c := range columns() {
				runs := slices.DeleteFunc(slices.Clone(r.Outcomes), func(o outcome) bool {
					return o.Scenario != s.name || o.Sync != sync || o.System != c.name
				})
				if len(runs) > 0 {
					f(s.name, c.name, sync, runs)
				}
			}
		}
	}
}
