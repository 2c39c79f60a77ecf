package main

import (
	"fmt"
	"slices"
	"strings"
)

// column is a column of the table.
type column struct {
	head  string
	value func(result) float64
}

// outcomes are the columns of what became of the creates, costs those of what it took.
var (
	outcomes = []column{
		{"created twice", func(r result) float64 { return float64(r.Duplicates) }},
		{"told failed, yet committed", func(r result) float64 { return float64(r.ToldFailed) }},
		{"lost in silence", func(r result) float64 { return float64(r.Lost) }},
		{"another's record", func(r result) float64 { return float64(r.Wrong) }},
		{"told failed, not committed", func(r result) float64 { return float64(r.Failed) }},
		{"told unknown", func(r result) float64 { return float64(r.Unknown) }},
		{"of them committed", func(r result) float64 { return float64(r.UnknownYes) }},
		{"Resolve: right", func(r result) float64 { return float64(r.Resolved) }},
		{"wrong", func(r result) float64 { return float64(r.ResolvedWrong) }},
		{"still unknown", func(r result) float64 { return float64(r.Unsettled) }},
	}
	costs = []column{
		{"creates", func(r result) float64 { return float64(r.Creates) }},
		{"POSTs", func(r result) float64 { return float64(r.POSTs) }},
		{"most for one create", func(r result) float64 { return float64(r.MostPOSTs) }},
		{"list reads", func(r result) float64 { return float64(r.Reads) }},
		{"MiB of lists", func(r result) float64 { return float64(r.ReadBytes) / (1 << 20) }},
		{"seconds", func(r result) float64 { return r.Seconds }},
	}
)

// group is the results of one mode.
type group struct {
	mode, label string
	results     []result
}

func groups(results []result) []group {
	var all []group
	for _, r := range results {
		if n := len(all); n == 0 || all[n-1].mode != r.Mode {
			all = append(all, group{mode: r.Mode, label: r.Label})
		}
		last := &all[len(all)-1]
		last.results = append(last.results, r)
	}
	return all
}

// span is the least and the most of a value over the seeds.
func (g group) span(value func(result) float64) (least, most float64) {
	least, most = value(g.results[0]), value(g.results[0])
	for _, r := range g.results[1:] {
		least, most = min(least, value(r)), max(most, value(r))
	}
	return least, most
}

// tables are the Markdown tables of a report, a row for each mode: the least and the most
// over the seeds.
func tables(rep report) string {
	var b strings.Builder
	for i, columns := range [][]column{outcomes, costs} {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("| client |")
		for _, c := range columns {
			b.WriteString(" " + c.head + " |")
		}
		b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
		for _, g := range groups(rep.Results) {
			b.WriteString("| " + g.label + " |")
			for _, c := range columns {
				b.WriteString(" " + g.text(c.value) + " |")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// text is the span of a value in words.
func (g group) text(value func(result) float64) string {
	least, most := g.span(value)
	lower, upper := fmt.Sprintf("%.0f", least), fmt.Sprintf("%.0f", most)
	if lower == upper {
		return lower
	}
	return lower + "–" + upper
}

// broken lists what a report has that the SDK promises not to happen.
func broken(rep report) []string {
	var all []string
	for _, r := range rep.Results {
		if r.naive() {
			continue
		}
		never := map[string]int{
			"creates made twice": r.Duplicates, "creates told failed, yet committed": r.ToldFailed,
			"creates lost in silence": r.Lost, "creates given another's record": r.Wrong,
			"unknown outcomes resolved wrong": r.ResolvedWrong,
		}
		if !r.odd() {
			never["unknown outcomes not resolved"] = r.Unsettled
		}
		if r.Mode == "replay" || r.Mode == "marker" {
			never["unknown outcomes"] = r.Unknown
		}
		if r.killed() {
			never["creates that are missing"] = r.Creates - r.Rows
		}
		if allowed := max(60, 60*r.Creates/2000); r.Mode == "default" && !rep.Settings.Interleave {
			never[fmt.Sprintf("list reads over %d", allowed)] = max(0, int(r.Reads)-allowed)
		}
		for what, n := range never {
			if n > 0 {
				all = append(all, fmt.Sprintf("%s, seed %d: %d %s", r.Mode, r.Seed, n, what))
			}
		}
	}
	slices.Sort(all)
	return all
}

// killed reports whether a result is of a process that was killed.
func (r *result) killed() bool {
	return slices.ContainsFunc(modes, func(m mode) bool { return m.name == r.Mode && m.killed })
}

// odd reports whether a result is of a server that misleads.
func (r *result) odd() bool {
	return slices.ContainsFunc(modes, func(m mode) bool { return m.name == r.Mode && m.odd })
}

// naive reports whether a result is of a client without read-back.
func (r *result) naive() bool {
	return slices.ContainsFunc(modes, func(m mode) bool { return m.name == r.Mode && m.naive })
}
