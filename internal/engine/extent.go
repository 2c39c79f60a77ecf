package engine

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
)

// The headers that APIs use for the number of records and of pages, and for what is behind
// the last record of a response. The keys are canonical.
var (
	totals = []string{
		"X-Total-Count", "X-Total", "Total-Count", "X-Total-Results", "X-Total-Records", "X-Total-Items",
		"X-Wp-Total", "X-Pagination-Total-Count", "X-Pagination-Total",
	}
	pages = []string{"X-Total-Pages", "Total-Pages", "X-Page-Count", "X-Wp-Totalpages", "X-Pagination-Page-Count", "X-Pagination-Total-Pages"}
	nexts = []string{
		"X-Next-Page", "X-Next-Link", "X-Next-Cursor", "X-Next-Token", "X-Pagination-Next", "X-Has-More", "X-Truncated",
		"X-Continuation-Token", "X-Ms-Continuation",
	}
)

// Extent returns what the head of a response says of how much of a list it holds: how many
// records there are, or 0, whether these are only a part of them, and what some APIs say in
// a header in JSON, or "". None of it is documented for this API: it is what the status and
// the headers mean in HTTP, or in other APIs.
func (r *Response) Extent() (total int, partial bool, pagination string) {
	h := r.Header
	partial = r.Status == http.StatusPartialContent
	if first, last, n, ok := contentRange(h.Get("Content-Range")); ok {
		total = n
		whole := first == 0 && n > 0 && last+1 >= n
		partial = !whole && (partial || first > 0 || n > 0)
	}
	for _, name := range totals {
		if n, err := strconv.Atoi(h.Get(name)); err == nil {
			total = max(total, n)
		}
	}
	for _, name := range pages {
		if n, err := strconv.Atoi(h.Get(name)); err == nil && n > 1 {
			partial = true
		}
	}
	for _, name := range nexts {
		switch strings.ToLower(h.Get(name)) {
		case "", "0", "-1", "false", "null":
		default:
			partial = true
		}
	}
	return total, partial || hasNext(h.Values("Link")), cmp.Or(h.Get("X-Pagination"), h.Get("Pagination"))
}

// contentRange reads a Content-Range, such as "contacts 0-99/250" or, without a unit,
// "0-99/*". total is 0 if it is not known.
func contentRange(text string) (first, last, total int, ok bool) {
	if _, after, found := strings.Cut(strings.TrimSpace(text), " "); found {
		text = after
	}
	part, size, _ := strings.Cut(strings.TrimSpace(text), "/")
	from, to, _ := strings.Cut(part, "-")
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	total, _ = strconv.Atoi(size)
	return first, last, total, err1 == nil && err2 == nil
}

// hasNext reports whether one of the links of a Link header has the relation "next".
func hasNext(links []string) bool {
	for _, text := range links {
		for text != "" {
			_, after, found := strings.Cut(text, ">") // the address, which may have any character
			if !found {
				break
			}
			params, rest := after, ""
			if i := strings.IndexByte(after, '<'); i >= 0 {
				params, rest = after[:i], after[i:]
			}
			for param := range strings.FieldsFuncSeq(strings.ToLower(params), func(c rune) bool { return c == ';' || c == ',' }) {
				name, value, _ := strings.Cut(param, "=")
				if strings.TrimSpace(name) != "rel" {
					continue
				}
				for relation := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"'`)) {
					if relation == "next" {
						return true
					}
				}
			}
			text = rest
		}
	}
	return false
}
