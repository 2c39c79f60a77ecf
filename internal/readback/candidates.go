package readback

import (
	"slices"

	"github.com/growthgenius/growthgenius-go/internal/match"
)

// candidates finds the creates whose outcome a row of a list may be, so that not each row is
// compared with each create that waits.
type candidates struct {
	targets []target
	index   *match.Index[int] // of the numbers of the targets
	markers map[marker][]int  // the same
	fields  map[string]bool   // of the markers
}

type marker struct{ field, text string }

// shown is a row of a list, with the numbers of the creates whose outcome it may be.
type shown struct {
	row match.Row
	of  []int
}

func candidatesFor(resource string, targets []target) *candidates {
	c := &candidates{
		targets: targets, index: match.NewIndex[int](resource),
		markers: map[marker][]int{}, fields: map[string]bool{},
	}
	for i := range targets {
		x := &targets[i]
		c.index.Add(i, x.content)
		if field := x.token.MarkerField; x.token.Marker != "" {
			m := marker{field, x.token.Marker}
			c.markers[m] = append(c.markers[m], i)
			c.fields[field] = true
		}
	}
	return c
}

// of returns the numbers of the creates whose outcome a row may be: it is like what was sent,
// or has the marker.
func (c *candidates) of(row match.Row) []int {
	found := c.index.Find(row)
	for field := range c.fields {
		for _, i := range c.markers[marker{field, row.Text(field)}] {
			if !slices.Contains(found, i) {
				found = append(found, i)
			}
		}
	}
	return found
}

// sort returns the rows by the number of the create whose outcome they may be.
func (c *candidates) sort(rows []shown) [][]match.Row {
	sorted := make([][]match.Row, len(c.targets))
	for _, s := range rows {
		for _, i := range s.of {
			sorted[i] = append(sorted[i], s.row)
		}
	}
	return sorted
}
