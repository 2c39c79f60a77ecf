package growthgenius

import (
	"cmp"
	"encoding/json"
	"html"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// rawRow is an element of a list before anybody knows whether it matters.
type rawRow map[string]json.RawMessage //nolint:recvcheck // decoding needs a pointer

func (r *rawRow) fields() any { return (*map[string]json.RawMessage)(r) }
func (r *rawRow) finish() {
	if _, ok := (*r)["id"]; ok || len(*r) != 1 {
		return
	}
	for _, inner := range *r { // {"contact": {...}}
		var row rawRow
		if kindOf(inner) == kindObject && unmarshalJSON(inner, &row) == nil {
			*r = row
		}
	}
}

func (r rawRow) id() ID {
	var id ID
	_ = unmarshalJSON(r["id"], &id)
	return id
}

func (r rawRow) time(field string) time.Time {
	t, _ := parseTime(r.text(field))
	return t
}

func (r rawRow) text(field string) string { return scalarText(r[field]) }

// likeness is how much a row looks like a record that was sent.
type likeness int

const (
	unlike likeness = iota
	near            // what tells records apart is the same, and something else is not
	exact           // every field that was sent is the same, folded
)

// compare compares a row with the content of a create. Only the fields that were sent
// count: the server fills the others.
func compare(resource string, content, row rawRow) likeness {
	differing := 0
	for field, sent := range content {
		if !sameValue(sent, row[field]) {
			differing++
		}
	}
	if differing == 0 {
		return exact
	}
	alike := func(field string) bool {
		sent := squash(content.text(field))
		return sent != "" && sent == squash(row.text(field))
	}
	if resource == "message" {
		if alike("contact_id") && (alike("sent_at") || sameCopy(content, row)) {
			return near
		}
		return unlike
	}
	switch {
	case content.text("email") != "":
		// An address that the server did not like may be gone.
		if name := calledOf(content); alike("email") || row.text("email") == "" && name != "" && name == calledOf(row) {
			return near
		}
	case differing == 1 && len(content) > 1, alike("full_name"), alike("name"), alike("first_name") && alike("last_name"), alike("linkedin_url"):
		return near
	}
	return unlike
}

// sameCopy reports whether one of two messages has the text of the other, escaped or cut
// short as it may be.
func sameCopy(a, b rawRow) bool {
	copyOf := func(r rawRow) string {
		text := html.UnescapeString(r.text("rendered_copy"))
		return cmp.Or(squash(text), fold(text)) // emoji only
	}
	x, y := copyOf(a), copyOf(b)
	if x == "" && y == "" { // nothing to tell by but the rest
		return squash(a.text("message_type")) == squash(b.text("message_type")) && sameValue(a["sent_at"], b["sent_at"])
	}
	return x != "" && y != "" && (strings.HasPrefix(x, y) || strings.HasPrefix(y, x))
}

// markOf is what tells a record from most others of its resource; "" where it has nothing
// of the kind.
func markOf(resource string, row rawRow) string { return squash(row.text(markField(resource))) }

func markField(resource string) string {
	if resource == "message" {
		return "contact_id"
	}
	return "email"
}

// calledOf is the name of a contact; "" where it has none.
func calledOf(row rawRow) string { return squash(nameOf(row)) }

// contradicts reports whether the answer to a create is about another record. The server
// may fill and reformat fields, so only what tells records apart counts.
func contradicts(resource string, content, answer rawRow) bool {
	sent := markOf(resource, content)
	_, told := answer[markField(resource)]
	return told && sent != "" && sent != markOf(resource, answer)
}

// sameValue compares two JSON values as a server may have rewritten one of them: null, ""
// and absent are one, text is folded, times are compared to the millisecond, and a number
// may have become text.
func sameValue(a, b json.RawMessage) bool {
	x, y := scalarText(a), scalarText(b)
	if fold(x) != fold(y) {
		s, ok1 := parseTime(x)
		t, ok2 := parseTime(y)
		return ok1 && ok2 && s.Truncate(time.Millisecond).Equal(t.Truncate(time.Millisecond))
	}
	if x != "" || y != "" {
		return true
	}
	structured := func(raw json.RawMessage) any {
		var v any
		if k := kindOf(raw); k == kindObject || k == kindArray {
			_ = unmarshalJSON(raw, &v)
		}
		return v
	}
	return reflect.DeepEqual(structured(a), structured(b))
}

// scalarText is the text of a JSON text, number or boolean, and "" for anything else.
func scalarText(raw json.RawMessage) string {
	switch kindOf(raw) {
	case kindText:
		var s string
		_ = unmarshalJSON(raw, &s)
		return s
	case kindNumber, kindBool:
		return string(raw)
	default:
		return ""
	}
}

func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// fold takes off what servers change in texts: case, and blanks around and between words.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// squash leaves the letters and digits of a text, and of an address drops a +tag.
func squash(s string) string {
	s = fold(s)
	if local, domain, ok := strings.Cut(s, "@"); ok {
		local, _, _ = strings.Cut(local, "+")
		s = local + asciiDomain(domain)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// wanted tells the rows of a list that may be the outcome of a create that is waited for.
type wanted struct {
	resource string
	marks    map[string]bool
	called   map[string]bool   // by whom a row without a mark may be
	markers  map[string]string // marker -> its field
}

func wantedBy(resource string, waiters []*pending) wanted {
	w := wanted{resource: resource, marks: map[string]bool{}, called: map[string]bool{}, markers: map[string]string{}}
	for _, p := range waiters {
		w.marks[p.mark] = true
		w.called[p.called] = p.called != ""
		if p.token.Marker != "" {
			w.markers[p.token.Marker] = p.token.MarkerField
		}
	}
	return w
}

// row reports whether a row may matter. A create without a mark can only be told by the
// whole of it.
func (w wanted) row(row rawRow) bool {
	mark := markOf(w.resource, row)
	if w.marks[""] || w.marks[mark] || mark == "" && w.called[calledOf(row)] {
		return true
	}
	for marker, field := range w.markers {
		if row.text(field) == marker {
			return true
		}
	}
	return false
}

// sort puts rows by their mark, and those that have none by their name.
func (w wanted) sort(rows []rawRow) (byMark, byName map[string][]rawRow) {
	byMark, byName = map[string][]rawRow{}, map[string][]rawRow{}
	for _, row := range rows {
		if mark := markOf(w.resource, row); mark != "" {
			byMark[mark] = append(byMark[mark], row)
		} else if name := calledOf(row); name != "" {
			byName[name] = append(byName[name], row)
		}
	}
	return byMark, byName
}
