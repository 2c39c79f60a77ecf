package match

import (
	"regexp"
	"strings"
)

var (
	// links are addresses of web pages in a folded text, and the beginning of one at its end.
	links = regexp.MustCompile(`(?:https?://|www\.)[^\s<>"]+|[a-z0-9-]+(?:\.[a-z0-9-]+)+/[^\s<>"]*|\b(?:ht{0,2}|https?:?/{0,2}|w{1,3}\.?)$`)

	// mergeFields are what a server replaces in a folded text when it sends a message, such as
	// {{first_name}}, %name%, [[name]], *|FNAME|*, <<name>> and <%= name %>.
	mergeFields = regexp.MustCompile(`\{+[^{}]*\}+|%[a-z_][a-z0-9_.]*%|\[+[a-z_][a-z0-9_. -]*\]+|\*\|[^|]*\|\*|<<[^<>]*>>|<%[^<>]*%>`)
)

const (
	// fieldMark stands for a merge field.
	fieldMark = "\x00"
	// maxCutField is how much there is at most of the value of a field in which a text was cut
	// short.
	maxCutField = 12
)

// fillsIn reports whether a folded text is what became of the one that was sent when its merge
// fields were filled in. It may have been cut short then, or have got a footer.
func fillsIn(sent, row string) bool {
	sent = mergeFields.ReplaceAllString(sent, fieldMark)
	if !strings.Contains(sent, fieldMark) {
		return false
	}
	sent, row = tags.ReplaceAllString(sent, ""), letters(row)
	first, rest, _ := strings.Cut(sent, fieldMark)
	first = letters(first)
	row, ok := strings.CutPrefix(row, first)
	if !ok {
		return false
	}
	matched, fields := len(first), 0 // fields since the last text
	for text := range strings.SplitSeq(rest, fieldMark) {
		fields++
		if text = letters(text); text == "" {
			continue
		}
		_, after, ok := strings.Cut(row, text)
		if !ok {
			return overlap(row, text) >= minCut || matched >= minCut && len(row) <= fields*maxCutField
		}
		row, matched, fields = after, matched+len(text), 0
	}
	return true
}

// overlap returns the length of the longest beginning of text that a row ends with.
func overlap(row, text string) int {
	for n := min(len(row), len(text)); n > 0; n-- {
		if strings.HasSuffix(row, text[:n]) {
			return n
		}
	}
	return 0
}
