package match

import (
	"encoding/json"
	"regexp"
	"strconv"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// messageFields are the fields that identify a message. Its type does so only if there is
// nothing else that tells the messages to a contact apart.
var messageFields = fieldSet("contact_id", "rendered_copy", "rendered_subject", "sent_at", "message_type")

// message weighs the fields that identify a message: the contact, the texts and the time of
// sending. Each must be what was sent, or what servers make of it, and the contact alone is
// not enough. A message that has a text has more, if none was sent.
func (e *evidence) message(content, row Row) {
	contact, details := evidence{equal: true}, evidence{equal: true}
	contact.add(relate(idOf(content.Text("contact_id")), idOf(row.Text("contact_id")), rewritesID))
	if contact.against {
		e.against, e.equal = true, false
		return
	}
	onlyContact := true
	for _, field := range []string{"rendered_copy", "rendered_subject", "sent_at"} {
		sent, stored := content.Text(field), row.Text(field)
		rewrites := rewritesText
		if field == "sent_at" {
			rewrites = rewritesMoment
		}
		r := relate(sent, stored, rewrites)
		if r != unsent && sameMoment(sent, stored) {
			r = same
		}
		details.add(r)
		details.other = details.other || stored != ""
		onlyContact = onlyContact && r == unsent
		e.more = e.more || r == unsent && stored != "" && field != "sent_at"
	}
	kind := relate(content.Text("message_type"), row.Text("message_type"), rewritesType)
	if !details.identified { // the type has to do
		details.add(kind)
		details.other = details.other || row.Text("message_type") != ""
		details.identified = details.identified || onlyContact && kind == unsent && contact.identified
	}
	e.equal = e.equal && details.equal && contact.equal && (kind == same || kind == unsent)
	e.against = details.against
	e.identified, e.other = details.identified, details.other
}

// rewritesType is for types. Servers have names for them: "A message" is "a_message".
func rewritesType(sent, row string) bool { return letters(Fold(sent)) == letters(Fold(row)) }

// rewritesID is for ids. An id of one kind can be that of the same record as one of another
// kind: searches have UUIDs, and other calls have numbers.
func rewritesID(sent, row string) bool {
	return isNumber(sent) != isNumber(row) || letters(sent) == letters(row) && !isNumber(sent)
}

// idOf writes a whole number in digits. Other ids it returns folded.
func idOf(id string) string {
	id = Fold(id)
	if n, ok := wire.Integer(id); ok {
		return strconv.FormatInt(n, 10)
	}
	return id
}

var number = regexp.MustCompile(`^-?\d+(\.\d+)?([eE][+-]?\d+)?$`)

func isNumber(s string) bool { return s != "" && s[0] <= '9' && number.MatchString(s) }

func isEmpty(raw json.RawMessage) bool {
	k := wire.KindOf(raw)
	return k == wire.KindNull || wire.ScalarText(raw) == "" && k == wire.KindText || len(raw) == 0
}
