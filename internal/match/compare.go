package match

import (
	"cmp"
	"encoding/json"
	"html"
	"reflect"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// The resources whose records are compared, as tokens and envelopes name them.
const (
	Contact = "contact"
	Message = "message"
)

// Likeness is how much a record looks like one that was sent.
type Likeness int

// The degrees of likeness, from least to most.
const (
	Unlike Likeness = iota
	Near            // the identifying fields are equal, another field differs
	Exact           // every field that was sent is equal
)

// Compare compares a record with what was sent to create one. Only the fields that were
// sent count, because the server fills the others.
func Compare(resource string, content, row Row) Likeness {
	differing := 0
	for field, sent := range content {
		if !Same(sent, row[field]) {
			differing++
		}
	}
	if differing == 0 {
		return Exact
	}
	near := nearContact
	if resource == Message {
		near = nearMessage
	}
	if near(content, row, differing) {
		return Near
	}
	return Unlike
}

// alike reports whether a field was sent, and has the same letters and digits in both.
func alike(field string, content, row Row) bool {
	sent := squash(content.Text(field))
	return sent != "" && sent == squash(row.Text(field))
}

func nearMessage(content, row Row, _ int) bool {
	return alike("contact_id", content, row) &&
		(alike("sent_at", content, row) || sameCopy(content, row))
}

func nearContact(content, row Row, differing int) bool {
	if content.Text("email") != "" {
		if alike("email", content, row) {
			return true
		}
		// The server may have dropped an address that it did not accept.
		name := CalledOf(content)
		return row.Text("email") == "" && name != "" && name == CalledOf(row)
	}
	return differing == 1 && len(content) > 1 ||
		alike("full_name", content, row) || alike("name", content, row) ||
		alike("first_name", content, row) && alike("last_name", content, row) ||
		alike("linkedin_url", content, row)
}

// sameCopy reports whether one of two messages has the text of the other, which may be
// escaped or cut short.
func sameCopy(a, b Row) bool {
	copyOf := func(r Row) string {
		text := html.UnescapeString(r.Text("rendered_copy"))
		return cmp.Or(squash(text), Fold(text)) // a text may have only emoji
	}
	x, y := copyOf(a), copyOf(b)
	if x == "" && y == "" { // the other fields have to do
		return squash(a.Text("message_type")) == squash(b.Text("message_type")) &&
			Same(a["sent_at"], b["sent_at"])
	}
	return x != "" && y != "" && (strings.HasPrefix(x, y) || strings.HasPrefix(y, x))
}

// Mark returns what identifies a record among most others of its resource: the e-mail
// address of a contact, the contact of a message. It is "" if the record has none.
func Mark(resource string, row Row) string { return squash(row.Text(markField(resource))) }

func markField(resource string) string {
	if resource == Message {
		return "contact_id"
	}
	return "email"
}

// CalledOf returns the name of a contact in letters and digits, or "" if it has none.
func CalledOf(row Row) string { return squash(FullName(row)) }

// Contradicts reports whether the response to a create describes another record. The
// server may fill and reformat fields, so only what identifies a record counts.
func Contradicts(resource string, content, response Row) bool {
	sent := Mark(resource, content)
	_, present := response[markField(resource)]
	return present && sent != "" && sent != Mark(resource, response)
}

// Agree reports whether the fields that both records have are the same.
func Agree(a, b Row) bool {
	for field, x := range a {
		if y, ok := b[field]; ok && !Same(x, y) {
			return false
		}
	}
	return true
}

// Same compares two JSON values, one of which a server may have rewritten: null, "" and an
// absent value are equal, text is folded, times are compared to the millisecond, and a
// number equals its text.
func Same(a, b json.RawMessage) bool {
	x, y := wire.ScalarText(a), wire.ScalarText(b)
	if Fold(x) != Fold(y) {
		s, ok1 := ParseTime(x)
		t, ok2 := ParseTime(y)
		return ok1 && ok2 && s.Truncate(time.Millisecond).Equal(t.Truncate(time.Millisecond))
	}
	if x != "" || y != "" {
		return true
	}
	return reflect.DeepEqual(structured(a), structured(b))
}
