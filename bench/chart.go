package main

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// chart is a bar chart.
type chart struct {
	title, note string
	kinds       []kind
	groups      []group
	mark        float64 // the value at which to draw a line; 0 means no line
}

// A kind is a kind of bar. A group has a label and a bar for each kind.
type (
	kind  struct{ name, color string }
	group struct {
		label string
		bars  []bar
	}
	bar struct {
		value float64
		text  string
	}
)

const (
	blue   = "#2e6da4"
	orange = "#d68910"
	red    = "#c0392b"
	green  = "#2e8b57"

	chartWidth = 860
	plotLeft   = 330
	plotWidth  = 420
	barHeight  = 14
	groupGap   = 16
	top        = 96
)

func (chart) file(section string) string { return "performance-" + section + ".svg" }

// String returns the chart as an SVG image, with its own background so that it is
// readable on any page.
func (c chart) String() string {
	height := top + len(c.groups)*(len(c.kinds)*barHeight+groupGap) + 24
	largest := c.mark
	for _, g := range c.groups {
		for _, b := range g.bars {
			largest = max(largest, b.value)
		}
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12" fill="#1b1f24">`,
		chartWidth, height, chartWidth, height)
	line(`<title id="title">%s</title>`, html.EscapeString(c.title))
	line(`<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="#ffffff" stroke="#c8ccd1"/>`, chartWidth-1, height-1)
	line(`<text x="20" y="30" font-size="16" font-weight="600">%s</text>`, html.EscapeString(c.title))
	line(`<text x="20" y="50" fill="#4b5359">%s</text>`, html.EscapeString(c.note))
	x := 20
	for _, k := range c.kinds {
		line(`<rect x="%d" y="64" width="12" height="12" fill="%s"/>`, x, k.color)
		line(`<text x="%d" y="74">%s</text>`, x+18, html.EscapeString(k.name))
		x += 40 + 7*len([]rune(k.name))
	}
	y := top
	for _, g := range c.groups {
		weight := 400
		if strings.HasPrefix(g.label, ours) {
			weight = 600
		}
		line(`<text x="%d" y="%d" text-anchor="end" font-weight="%d">%s</text>`,
			plotLeft-12, y+len(c.kinds)*barHeight/2+4, weight, html.EscapeString(g.label))
		for i, bar := range g.bars {
			at, width := y+i*barHeight, max(1, bar.value/largest*plotWidth)
			line(`<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, plotLeft, at+1, width, barHeight-2, c.kinds[i].color)
			line(`<text x="%.1f" y="%d" font-size="11">%s</text>`, plotLeft+width+6, at+11, html.EscapeString(bar.text))
		}
		y += len(c.kinds)*barHeight + groupGap
	}
	line(`<path d="M%d %dV%d" stroke="#8c959f"/>`, plotLeft, top-4, y-groupGap+4)
	if c.mark > 0 {
		line(`<path d="M%.1f %dV%d" stroke="#8c959f" stroke-dasharray="3 3"/>`, plotLeft+c.mark/largest*plotWidth, top-4, y-groupGap+4)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// sorted sorts the groups by their first bars.
func (c chart) sorted() chart {
	slices.SortStableFunc(c.groups, func(a, b group) int { return cmp.Compare(a.bars[0].value, b.bars[0].value) })
	return c
}

func shareBar(s spread) bar { return bar{s.Median, fmt.Sprintf("%.2f", s.Median)} }

func getChart(rep report) chart {
	c := chart{
		title: "One GET of one record: the SDK over hand-written code",
		note:  "wall time over net/http and encoding/json with the same bytes (dashed): shorter is faster",
		kinds: []kind{{fmt.Sprintf("%d goroutines", rep.Settings.Parallel), blue}, {"serial", orange}},
		mark:  1,
	}
	for _, r := range rep.Get {
		if r.Client != handWritten {
			c.groups = append(c.groups, group{r.Client, []bar{shareBar(r.OfParallel), shareBar(r.OfSerial)}})
		}
	}
	return c.sorted()
}

func decodeChart(rep report) chart {
	c := chart{
		title: "Decoding contacts",
		note:  "time over encoding/json into a plain struct (dashed)",
		kinds: []kind{{"time", blue}, {"allocations", orange}},
		mark:  1,
	}
	for _, r := range rep.Decode {
		if r.Decoder != encodingJSON {
			name, _, _ := strings.Cut(r.Decoder, ",")
			c.groups = append(c.groups, group{name + ": " + r.Answer, []bar{shareBar(r.OfTime), {r.OfAllocs, fmt.Sprintf("%.2f", r.OfAllocs)}}})
		}
	}
	return c
}

func streamChart(rep report) chart {
	c := chart{
		title: fmt.Sprintf("Reading a list of %d contacts", rep.Settings.Contacts),
		note:  "over " + readAll,
		kinds: []kind{{"time", blue}, {"peak live heap", orange}},
	}
	for _, r := range rep.Stream {
		c.groups = append(c.groups, group{r.Reader, []bar{
			{r.OfTime.Median, wall(r.Seconds.Median)},
			{r.Peak / rep.Stream[0].Peak, mebibytes(r.Peak)},
		}})
	}
	return c
}

func pagerChart(rep report) chart {
	c := chart{
		title: fmt.Sprintf("%d pages from a server that takes %s", rep.Settings.Pages, rep.Settings.Latency),
		note:  "seconds, by how long the loop works on each page and how many pages are asked for ahead",
		kinds: []kind{{"none ahead", orange}, {"1 ahead", red}, {"4 ahead", blue}},
	}
	for i := 0; i < len(rep.Pager); i += len(prefetches) {
		g := group{label: fmt.Sprintf("%s of work on each", rep.Pager[i].Work)}
		for _, r := range rep.Pager[i : i+len(prefetches)] {
			g.bars = append(g.bars, bar{r.Seconds.Median, wall(r.Seconds.Median)})
		}
		c.groups = append(c.groups, g)
	}
	return c
}

func connectionsChart(rep report) chart {
	c := chart{
		title: fmt.Sprintf("Connections opened by %d requests, %d at a time", rep.Settings.Requests, rep.Settings.Burst),
		note:  "HTTP/1.1, each client as it is by default",
		kinds: []kind{{"connections", blue}},
	}
	for _, r := range rep.Connections {
		c.groups = append(c.groups, group{r.Client, []bar{{r.Opened.Median, fmt.Sprintf("%.0f", r.Opened.Median)}}})
	}
	return c.sorted()
}

func ledgerChart(rep report) chart {
	c := chart{
		title: "Entries made durable, by how many goroutines store them at a time",
		note:  fmt.Sprintf("a second, entries of about %d bytes, each on the disk before the call returns", entryBytes),
		kinds: []kind{{keepers[0].name, blue}, {keepers[1].name, red}, {keepers[2].name, orange}},
	}
	for i := 0; i < len(rep.Ledger); i += len(keepers) {
		g := group{label: fmt.Sprintf("%d at a time", rep.Ledger[i].Writers)}
		for _, r := range rep.Ledger[i : i+len(keepers)] {
			g.bars = append(g.bars, bar{r.PerSec.Median, fmt.Sprintf("%.0f", r.PerSec.Median)})
		}
		c.groups = append(c.groups, g)
	}
	return c
}
