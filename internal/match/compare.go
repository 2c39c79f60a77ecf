package match

import (
	"encoding/json"
	"reflect"

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
	Unlike Likeness = iota // it cannot be the record that was sent
	Near                   // it may be what a server made of it
	Exact                  // it has every field that was sent, and identifies no one else
)

// Compare compares a record with what was sent to create one.
//
// A record is Exact if it has every field that was sent, up to the differences that [Fold]
// removes. Other fields do not count, because the server fills them, unless they identify a
// record that has more than was sent: see contact and message.
//
// It is Near if something that identifies it is what was sent, or what servers make of that,
// and nothing that identifies it is something else. Fields that do not identify a record
// may differ, since servers derive them and people edit them. A server may also drop a
// field that it does not accept.
func Compare(resource string, content, row Row) Likeness {
	e := weigh(resource, content, row)
	switch {
	case e.equal && !e.more:
		return Exact
	case isOther(resource, row):
		return Unlike
	case e.equal, !e.against && (e.identified || !e.other && !e.differs):
		return Near
	default:
		return Unlike
	}
}

// isOther reports whether a row is a record of the other resource, by the fields that it has.
func isOther(resource string, row Row) bool {
	_, contact := row["email"]
	_, message := row["contact_id"]
	return contact != message && contact == (resource == Message)
}

// Contradicts reports whether the response to a create describes another record. The
// server may fill and rewrite fields, and need not send all of them.
func Contradicts(resource string, content, response Row) bool {
	e := weigh(resource, content, response)
	return e.against || e.refused && !e.identified
}

// evidence is what the fields of a record say about what was sent.
type evidence struct {
	equal      bool // all that was sent is the same
	more       bool // the record has something that identifies it, and nothing like it was sent
	identified bool // something that identifies the record is what was sent, or was made of it
	against    bool // something that identifies the record differs from what was sent
	other      bool // the record says of itself which one it is, though that need not differ
	refused    bool // something that identifies what was sent is empty in the record
	differs    bool // something else differs
}

func weigh(resource string, content, row Row) evidence {
	e := evidence{equal: true}
	grouped := contactFields
	if resource == Message {
		grouped = messageFields
	}
	identifies := false
	for field, sent := range content {
		switch stored, sentAtAll := row[field], !isEmpty(sent); {
		case grouped[field]:
			identifies = identifies || sentAtAll
			e.refused = e.refused || sentAtAll && stored != nil && isEmpty(stored)
		case !Same(sent, stored):
			e.equal = false
			e.differs = e.differs || !isEmpty(stored) && relate(content.Text(field), row.Text(field), rewritesText) < dropped
		}
	}
	switch {
	case resource == Message:
		e.message(content, row)
	case identifies:
		e.contact(content, row)
	default:
		e.anything(content, row)
	}
	return e
}

// add adds a relation between what was sent and what the record has. Of several fields for
// the same, it is that of the best.
func (e *evidence) add(r relation) {
	switch r {
	case same:
		e.identified = true
	case rewritten:
		e.identified, e.equal = true, false
	case different:
		e.against, e.equal = true, false
	case dropped:
		e.equal = false
	case unsent:
	}
}

// Mark returns a text that is the same for a record and for what servers make of it: a part
// of the e-mail address of a contact, the number of the contact of a message. Records with
// different marks are Unlike. It is "" if the record has none, and any record may be like
// it.
func Mark(resource string, row Row) string {
	if resource != Message {
		return addressKey(row.Text("email"))
	}
	if id := idOf(row.Text("contact_id")); isNumber(id) {
		return id
	}
	return ""
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
		return sameMoment(x, y) || isNumber(x) && isNumber(y) &&
			(wire.KindOf(a) == wire.KindNumber || wire.KindOf(b) == wire.KindNumber) &&
			plainNumber(json.Number(x)) == plainNumber(json.Number(y))
	}
	if x != "" || y != "" {
		return true
	}
	return reflect.DeepEqual(structured(a), structured(b))
}

// Exactly reports whether a record has the value of a field as it was sent: not merely in
// other letters or with other spaces. A time and an e-mail address may be written in another
// way.
func Exactly(field string, sent, row json.RawMessage) bool {
	x, y := wire.ScalarText(sent), wire.ScalarText(row)
	_, isTime := ParseTime(x)
	return Same(sent, row) && (x == y || isTime || field == "email")
}
