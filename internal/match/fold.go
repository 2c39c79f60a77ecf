package match

import (
	"cmp"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold removes the differences between texts that are the same: case, composed and
// decomposed characters, HTML escaping, characters that cannot be seen, and the white space
// around and between words. The domain of an e-mail address becomes punycode, without a dot
// at the end.
func Fold(s string) string {
	if isFolded(s) {
		return s
	}
	s = strings.Join(strings.FieldsFunc(Visible(unescape(Visible(s))), isBlank), " ")
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case !ok || strings.Contains(s, " "): // not an address
		return fullFold(s)
	case isASCII(domain):
		return fullFold(local) + "@" + strings.TrimSuffix(strings.ToLower(domain), ".")
	default:
		return fullFold(local) + "@" + ASCIIDomain(fullLower(domain))
	}
}

// isFolded reports whether s is a text that Fold does not change, as most are that were
// folded. It may report false for other such texts.
func isFolded(s string) bool {
	last := byte(' ')
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || 'A' <= c && c <= 'Z' || c == '&' || c == ' ' && last == ' ' {
			return false
		}
		last = c
	}
	return s == "" || last != ' ' && last != '.'
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// fullFold folds case as Unicode has it: ß is ss, and both small sigmas are one.
func fullFold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}

// fullLower is fullFold for domains. Those keep their ß.
func fullLower(s string) string { return norm.NFC.String(strings.ToLower(norm.NFC.String(s))) }

// maxEscapes is how often a text is taken to be escaped.
const maxEscapes = 4

// unescape decodes the HTML entities in a text that may have been escaped several times.
func unescape(s string) string {
	for range maxEscapes {
		if !strings.Contains(s, "&") {
			break
		}
		s = html.UnescapeString(s)
	}
	return s
}

// Visible removes the characters that cannot be seen, such as zero-width spaces, byte-order
// marks and soft hyphens. Texts that are copied from documents and web pages have them.
func Visible(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(visible, s)
}

// visible returns -1 for a character that cannot be seen.
func visible(r rune) rune {
	if r > unicode.MaxASCII && unicode.In(r, invisible...) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
		return -1
	}
	return r
}

var invisible = []*unicode.RangeTable{
	unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
}

// FullName returns the folded full name of a contact.
func FullName(row Row) string {
	return Fold(cmp.Or(row.Text("full_name"), strings.TrimSpace(row.Text("first_name")+" "+row.Text("last_name"))))
}

// ASCIIDomain returns a domain in punycode, without a dot at the end. It returns a text
// that is not a valid domain unchanged.
func ASCIIDomain(domain string) string {
	if ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(domain, ".")); err == nil {
		return ascii
	}
	return domain
}
