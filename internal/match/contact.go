package match

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// The fields that identify a contact. Of these, only the e-mail address does so alone.
var (
	nameFields  = []string{"full_name", "name", "first_name", "last_name"}
	phoneFields = []string{"first_phone", "work_phone", "mobile_phone", "home_phone", "other_phone", "corporate_phone"}
	pageFields  = []string{"linkedin_url", "linkedin_username", "facebook_url", "twitter_url"}

	contactFields = fieldSet(slices.Concat([]string{"email"}, nameFields, phoneFields, pageFields)...)
)

func fieldSet(fields ...string) map[string]bool {
	set := map[string]bool{}
	for _, field := range fields {
		set[field] = true
	}
	return set
}

// contact weighs the fields that identify a contact.
//
// If the e-mail address is the same, the others may differ: the reference shows a contact
// whose name is not the one that was sent, with numbers and pages that were not. Otherwise
// each of them must be what was sent, or what servers make of it. If no address was sent, a
// contact that has one, or a kind of field that was not sent, has more. If the address was
// dropped, a contact that has more is another one.
func (e *evidence) contact(content, row Row) {
	email := relate(content.Text("email"), row.Text("email"), rewritesAddress)
	e.add(email)
	if email == different {
		return
	}
	weak := evidence{equal: true}
	weak.names(content, row)
	weak.phones(content, row)
	weak.pages(content, row)
	e.equal = e.equal && weak.equal
	e.other = weak.other || row.Text("email") != ""
	if email == same {
		return
	}
	e.against = e.against || weak.against || email == dropped && weak.more
	e.identified = e.identified || weak.identified
	e.more = email == unsent && (weak.more || row.Text("email") != "")
}

// anything weighs a contact of which nothing was sent that identifies one: then each field
// has to do.
func (e *evidence) anything(content, row Row) {
	for field := range contactFields {
		e.other = e.other || row.Text(field) != ""
	}
	e.more = e.other
	for field, sent := range content {
		switch {
		case contactFields[field]:
		case Same(sent, row[field]):
			e.identified = e.identified || !isEmpty(sent)
		case isEmpty(row[field]):
			e.add(dropped)
		default:
			e.add(relate(content.Text(field), row.Text(field), rewritesText))
		}
	}
}

// names weighs the names of a contact. Servers join and split them.
func (e *evidence) names(content, row Row) {
	sent, whole := wholeName(content), wholeName(row)
	e.other = e.other || whole != ""
	r := relate(sent, whole, rewritesName)
	if r == unsent || r == dropped {
		e.more = e.more || r == unsent && whole != ""
		e.add(r)
		return
	}
	parts, both, lost := same, false, false
	for _, field := range nameFields {
		switch part := relate(content.Text(field), row.Text(field), rewritesName); part {
		case unsent:
		case dropped:
			lost = true
		case same, rewritten, different:
			parts, both = min(parts, part), true
		}
	}
	switch {
	case parts == same && (r == same || r == rewritten && !lost):
		e.add(same)
	case r != different:
		e.add(rewritten)
	case both && parts != different && !lost, !both && hasPart(content, whole):
		e.more = true // the first name was sent, and the contact has a last name, too
		e.add(parts)
	case both && parts != different:
		e.add(rewritten)
	default:
		e.add(different)
	}
}

// hasPart reports whether only a first or a last name was sent, and the full name has it.
func hasPart(content Row, whole string) bool {
	first, last := content.Text("first_name"), content.Text("last_name")
	if content.Text("full_name")+content.Text("name") != "" || first != "" && last != "" {
		return false
	}
	all := words(whole)
	return !slices.ContainsFunc(words(Fold(first+last)), func(word string) bool { return !slices.Contains(all, word) })
}

// wholeName returns the full name of a contact, wherever it is.
func wholeName(row Row) string { return cmp.Or(FullName(row), Fold(row.Text("name"))) }

// rewritesName is for names of people, and of others. Servers change their punctuation and
// the order of the words, drop titles and middle names, and cut them short.
func rewritesName(sent, row string) bool {
	return anyForm(sent, row, func(x, y string) bool {
		x, y = letters(x), letters(y)
		return x == y || isCut(x, y, minCutName)
	}) || sameWords(sent, row) || isCut(Fold(sent), Fold(row), minCutName) ||
		isCut(Fold(sent), Fold(row)+" ", minCutName) // which is lost at the end
}

func sameWords(sent, row string) bool {
	x, y := words(Fold(sent)), words(Fold(row))
	if len(y) < 2 || len(y) > len(x) {
		return false
	}
	rest := x
	for _, word := range y { // in the same order
		i := slices.Index(rest, word)
		if i < 0 {
			slices.Sort(x)
			slices.Sort(y)
			return slices.Equal(x, y)
		}
		rest = rest[i+1:]
	}
	return true
}

func words(s string) []string {
	if !isASCII(s) {
		s = unaccented(s)
	}
	return strings.FieldsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '\''
	})
}

// phones weighs the telephone numbers of a contact. Servers may move them to another field.
func (e *evidence) phones(content, row Row) {
	var stored []string
	for _, field := range phoneFields {
		if phone := phoneOf(row, field); phone != "" {
			stored = append(stored, phone)
		}
	}
	wasSent := false
	for _, field := range phoneFields {
		sent := phoneOf(content, field)
		wasSent = wasSent || sent != ""
		r := relate(sent, phoneOf(row, field), rewritesPhone)
		if (r == different || r == dropped) && slices.ContainsFunc(stored, func(phone string) bool {
			return relate(sent, phone, rewritesPhone) >= rewritten
		}) {
			r = rewritten
		}
		e.add(r)
	}
	e.other = e.other || len(stored) > 0
	e.more = e.more || !wasSent && len(stored) > 0
}

// phoneOf returns a telephone number, or "" for "NaN", which the API has for none.
func phoneOf(row Row, field string) string {
	phone := row.Text(field)
	if f := Fold(phone); f == "nan" || f == "null" {
		return ""
	}
	return phone
}

// pages weighs the pages of a contact in networks.
func (e *evidence) pages(content, row Row) {
	sent, has := false, false
	for _, field := range pageFields {
		page := row.Text(field)
		r := relate(content.Text(field), page, rewritesSite)
		sent, has = sent || r != unsent, has || page != ""
		e.add(r)
	}
	e.other = e.other || has
	e.more = e.more || has && !sent
}
