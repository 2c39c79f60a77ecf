package main

import (
	"errors"
	"fmt"
	"html"
	"strings"
)

// The tables of the page are between these lines.
const (
	tablesBegin = "<!-- The tables of fleet.json begin here. -->\n"
	tablesEnd   = "<!-- The tables of fleet.json end here. -->\n"
)

// into returns a page with the tables of the report in place of those that it has.
func (rep *report) into(page string) (string, error) {
	before, rest, begins := strings.Cut(page, tablesBegin)
	_, after, ends := strings.Cut(rest, tablesEnd)
	if !begins || !ends {
		return "", errors.New("the lines that the tables are between are missing")
	}
	return before + tablesBegin + "\n" + rep.tables() + "\n" + tablesEnd + after, nil
}

const (
	chartWidth = 860
	plotLeft   = 130
	plotWidth  = 560
	barHeight  = 14
	groupGap   = 16
	top        = 96
)

// chart draws the steps of the sweep as an SVG image, on a ground of its own.
func (rep *report) chart() string {
	kinds := []struct {
		name, color string
		value       func(step) float64
	}{
		{"requests, the limiter in Redis", "#c0392b", func(s step) float64 { return s.RedisRequests }},
		{"requests, the limiter in Postgres", "#2e6da4", func(s step) float64 { return s.Requests }},
		{"creates under keys, the ledger in Postgres", "#d68910", func(s step) float64 { return s.Creates }},
	}
	largest := 1.0
	for _, s := range rep.Sweep {
		for _, k := range kinds {
			largest = max(largest, k.value(s))
		}
	}
	height := top + len(rep.Sweep)*(len(kinds)*barHeight+groupGap) + 8
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	const title = "What processes can do together in a second"
	line(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12" fill="#1b1f24">`,
		chartWidth, height, chartWidth, height)
	line(`<title id="title">%s</title>`, title)
	line(`<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="#ffffff" stroke="#c8ccd1"/>`, chartWidth-1, height-1)
	line(`<text x="20" y="30" font-size="16" font-weight="600">%s</text>`, title)
	line(`<text x="20" y="50" fill="#4b5359">%d goroutines each; the stores on the same %d processors as the processes, and no API to wait for</text>`, goroutines, rep.CPUs)
	x := 20
	for _, k := range kinds {
		line(`<rect x="%d" y="64" width="12" height="12" fill="%s"/>`, x, k.color)
		line(`<text x="%d" y="74">%s</text>`, x+18, html.EscapeString(k.name))
		x += 40 + 6*len(k.name)
	}
	y := top
	for _, s := range rep.Sweep {
		line(`<text x="%d" y="%d" text-anchor="end">%d processes</text>`, plotLeft-12, y+len(kinds)*barHeight/2+4, s.Processes)
		for i, k := range kinds {
			at, width := y+i*barHeight, max(1, k.value(s)/largest*plotWidth)
			line(`<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, plotLeft, at+1, width, barHeight-2, k.color)
			line(`<text x="%.1f" y="%d" font-size="11">%.0f</text>`, plotLeft+width+6, at+11, k.value(s))
		}
		y += len(kinds)*barHeight + groupGap
	}
	line(`<path d="M%d %dV%d" stroke="#8c959f"/>`, plotLeft, top-4, y-groupGap+4)
	b.WriteString("</svg>\n")
	return b.String()
}
