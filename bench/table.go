package main

import (
	"fmt"
	"slices"
	"strings"
)

// results answers questions about a set of outcomes.
type results []outcome

// figure returns the values of one figure of one system, by repetition.
func (rs results) figure(system, scenario, sync, key string) map[int]float64 {
	values := map[int]float64{}
	for _, o := range rs {
		if o.System != system || o.Scenario != scenario || o.Sync != sync || o.Failure != "" {
			continue
		}
		if v, ok := o.Figures[key]; ok {
			values[o.Rep] = v
		}
	}
	return values
}

func (rs results) spread(system, scenario, sync, key string) spread {
	var values []float64
	for _, v := range rs.figure(system, scenario, sync, key) {
		values = append(values, v)
	}
	return spreadOf(values)
}

// ratio compares two systems repetition by repetition: how many times better a is than b.
func (rs results) ratio(a, b, scenario, sync string, f figure) spread {
	of, by := rs.figure(a, scenario, sync, f.key), rs.figure(b, scenario, sync, f.key)
	if f.better == lower {
		of, by = by, of
	}
	var ratios []float64
	for rep, v := range of {
		if w, ok := by[rep]; ok && w > 0 {
			ratios = append(ratios, v/w)
		}
	}
	return spreadOf(ratios)
}

// has tells whether a system was measured at all at a synchronous level.
func (rs results) has(system, sync string) bool {
	return slices.ContainsFunc(rs, func(o outcome) bool { return o.System == system && o.Sync == sync })
}

// cutOffMark stands behind a figure of which any repetition was cut off.
const cutOffMark = "*"

func (rs results) mark(system, scenario, sync string) string {
	cutOff := slices.ContainsFunc(rs, func(o outcome) bool {
		return o.System == system && o.Scenario == scenario && o.Sync == sync && o.Note != ""
	})
	if cutOff {
		return cutOffMark
	}
	return ""
}

// ratioPeers are the systems that stem is compared with, in the order of the ratio columns.
var ratioPeers = []string{"backlite", "river-tuned", "raw"}

// mainTable has a row for each figure, a column for each system that was measured, and the ratios.
func mainTable(rs results, sync string) [][]string {
	var systems []string
	for _, c := range columns() {
		if rs.has(c.name, sync) {
			systems = append(systems, c.name)
		}
	}
	peers := slices.DeleteFunc(slices.Clone(ratioPeers), func(p string) bool {
		return !rs.has(p, sync) || !rs.has("stem", sync)
	})
	head := append([]string{"scenario", "figure"}, systems...)
	for _, p := range peers {
		head = append(head, "stem ÷ "+p)
	}
	rows := [][]string{head}
	for _, s := range scenarios() {
		for _, f := range s.figures {
			row := []string{s.name, f.title}
			measured := false
			for _, system := range systems {
				cell := rs.spread(system, s.name, sync, f.key)
				measured = measured || cell.n > 0
				row = append(row, cell.String()+rs.mark(system, s.name, sync))
			}
			for _, p := range peers {
				row = append(row, times(rs.ratio("stem", p, s.name, sync, f)))
			}
			if measured {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// times shows a ratio as a factor: 2.5x is two and a half times better, 0.5x half as good.
func times(s spread) string {
	if s.n == 0 {
		return "–"
	}
	return number(s.median) + "x"
}

// markdown renders rows, the first of which is the head, with aligned columns.
func markdown(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		writeRow(&b, row, widths)
		if n == 0 {
			rule := make([]string, len(row))
			for i, w := range widths {
				rule[i] = strings.Repeat("-", max(3, w))
			}
			writeRow(&b, rule, widths)
		}
	}
	return b.String()
}

func writeRow(b *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		fmt.Fprintf(b, "| %-*s ", max(3, widths[i]), cell)
	}
	b.WriteString("|\n")
}
