package match

import (
	"cmp"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// Fold removes the differences that servers make in texts: case, and the white space
// around and between words.
func Fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// Visible removes the characters that cannot be seen, such as zero-width spaces, byte-order
// marks and soft hyphens. Texts that are copied from documents and web pages have them.
func Visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && unicode.In(r, invisible...) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
			return -1
		}
		return r
	}, s)
}

var invisible = []*unicode.RangeTable{
	unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
}

// FullName returns the folded full name of a contact.
func FullName(row Row) string {
	return Fold(cmp.Or(row.Text("full_name"), row.Text("first_name")+" "+row.Text("last_name")))
}

// ASCIIDomain returns a domain in punycode, without a dot at the end. It returns a text
// that is not a valid domain unchanged.
func ASCIIDomain(domain string) string {
	if ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(domain, ".")); err == nil {
		return ascii
	}
	return domain
}

// squash keeps only the letters and digits of a text, folded. Of an e-mail address it drops
// the +tag, and its domain becomes punycode.
func squash(s string) string {
	s = Fold(s)
	if local, domain, ok := strings.Cut(s, "@"); ok {
		local, _, _ = strings.Cut(local, "+")
		s = local + ASCIIDomain(domain)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}
