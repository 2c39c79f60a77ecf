package growthgeniustest

import (
	"maps"
	"slices"
	"strings"

	"github.com/growthgenius/growthgenius-go"
)

// searchIndex finds the rows whose text has given words, without comparing them all. It has
// the rows of each three bytes in a row of their texts. What it finds must be compared: the
// text of a row may have changed, and the three bytes may be apart from each other.
type searchIndex struct {
	changed []growthgenius.ID // rows to add before the next search
	rows    map[trigram][]int // by row.place
	indexed int               // how many versions of rows it has
}

type trigram [3]byte

// candidates returns the newest versions of the rows that may have all words, in the order of
// their creation. It returns false if only a comparison of all rows can tell.
func (x *searchIndex) candidates(t *table, words []string) ([]*row, bool) {
	if !slices.ContainsFunc(words, func(word string) bool { return len(word) >= len(trigram{}) }) {
		return nil, false
	}
	x.update(t)
	var fewest []int
	found := false
	for _, word := range words {
		for of := range trigrams(word) {
			if places := x.rows[of]; !found || len(places) < len(fewest) {
				fewest, found = places, true
			}
		}
	}
	places := map[int]bool{}
	for _, place := range fewest {
		places[place] = true
	}
	var rows []*row
	for _, place := range slices.Sorted(maps.Keys(places)) {
		if id, ok := t.byPlace[place]; ok { // else it was removed
			rows = append(rows, t.rows[id])
		}
	}
	return rows, true
}

// update adds what has changed. It begins anew if it would mostly have former versions.
func (x *searchIndex) update(t *table) {
	if x.indexed+len(x.changed) > 2*len(t.order)+1000 {
		*x = searchIndex{changed: t.order}
	}
	if x.rows == nil {
		x.rows = map[trigram][]int{}
	}
	for _, id := range x.changed {
		for r := t.rows[id]; r != nil; r = r.previous {
			x.indexed++
			for of := range trigrams(r.text) {
				x.rows[of] = append(x.rows[of], r.place)
			}
		}
	}
	x.changed = nil
}

// trigrams returns all three bytes in a row of a text.
func trigrams(text string) map[trigram]bool {
	all := map[trigram]bool{}
	for i := range len(text) - len(trigram{}) + 1 {
		all[trigram([]byte(text[i:i+len(trigram{})]))] = true
	}
	return all
}

// searchText is the text of a contact in which words are looked for, in lower case: the
// names, the e-mail address, the title and the company.
func searchText(fields record) string {
	var text strings.Builder
	for _, name := range []string{
		"full_name", "name", "first_name", "last_name", "email", "title", "company_name",
	} {
		text.WriteString(strings.ToLower(fields.text(name)))
		text.WriteByte('\n')
	}
	return text.String()
}
