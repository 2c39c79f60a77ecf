package main

import (
	"fmt"
	"html"
	"strings"
)

// bar is a kind of outcome that the chart shows.
type bar struct {
	name, colour string
	value        func(result) float64
}

var bars = []bar{
	{"created twice", "#c0392b", func(r result) float64 { return float64(r.Duplicates) }},
	{"told failed, yet committed", "#d68910", func(r result) float64 { return float64(r.ToldFailed) }},
	{"told “outcome unknown”, settled right by Resolve", "#2e6da4", func(r result) float64 { return float64(r.Unknown) }},
}

const (
	chartWidth = 860
	plotLeft   = 330
	plotWidth  = 420
	barHeight  = 14
	groupGap   = 16
)

// chart draws a report as an SVG, on a ground of its own so that it reads on any page.
func chart(rep report) string {
	all := groups(rep.Results)
	top := 96
	height := top + len(all)*(len(bars)*barHeight+groupGap) + 24
	largest := 1.0
	for _, g := range all {
		for _, kind := range bars {
			_, most := g.span(kind.value)
			largest = max(largest, most)
		}
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	title := fmt.Sprintf("What becomes of %d creates when %.0f%% of requests fail", rep.Settings.Creates, 100*rep.Settings.Rate)
	line(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12" fill="#1b1f24">`,
		chartWidth, height, chartWidth, height)
	line(`<title id="title">%s</title>`, html.EscapeString(title))
	line(`<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="#ffffff" stroke="#c8ccd1"/>`, chartWidth-1, height-1)
	line(`<text x="20" y="30" font-size="16" font-weight="600">%s</text>`, html.EscapeString(title))
	line(`<text x="20" y="50" fill="#4b5359">least to most over %d seeds; %d creates at a time</text>`, rep.Settings.Seeds, rep.Settings.Parallel)
	x := 20
	for _, kind := range bars {
		line(`<rect x="%d" y="64" width="12" height="12" fill="%s"/>`, x, kind.colour)
		line(`<text x="%d" y="74">%s</text>`, x+18, html.EscapeString(kind.name))
		x += 40 + 7*len([]rune(kind.name))
	}
	y := top
	for _, g := range all {
		words := wrap(g.label, 44)
		first := y + len(bars)*barHeight/2 + 4 - 7*(len(words)-1)
		for i, text := range words {
			line(`<text x="%d" y="%d" text-anchor="end">%s</text>`, plotLeft-12, first+14*i, html.EscapeString(text))
		}
		for i, kind := range bars {
			_, most := g.span(kind.value)
			at, width := y+i*barHeight, most/largest*plotWidth
			line(`<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, plotLeft, at+1, max(width, 1), barHeight-2, kind.colour)
			line(`<text x="%.1f" y="%d" font-size="11">%s</text>`, plotLeft+max(width, 1)+6, at+11, g.text(kind.value))
		}
		y += len(bars)*barHeight + groupGap
	}
	line(`<path d="M%d %dV%d" stroke="#8c959f"/>`, plotLeft, top-4, y-groupGap+4)
	b.WriteString("</svg>\n")
	return b.String()
}

// wrap breaks a text into lines of about so many letters.
func wrap(text string, width int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		if n := len(lines); n > 0 && len(lines[n-1])+1+len(word) <= width {
			lines[n-1] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}
