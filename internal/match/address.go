package match

import (
	"errors"
	"html"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// CheckAddress returns an error that says what is wrong with an e-mail address, or nil if
// the text can be one. It does not know which addresses exist. Placeholders for a missing
// address, such as "n/a", "-" and "k.A.", cannot be one.
func CheckAddress(address string) error {
	switch {
	case Visible(address) != address:
		return errors.New("it has a character that cannot be seen")
	case strings.ContainsAny(address, "<>()"):
		return errors.New("give the address alone, without a name and brackets, such as elon@tesla.com")
	case strings.ContainsAny(address, ",;:") || strings.Count(address, "@") > 1:
		return errors.New("give one address, and nothing else")
	case strings.ContainsFunc(address, isBlank):
		return errors.New("it has a blank")
	}
	local, domain, found := strings.Cut(address, "@")
	if !found || local == "" {
		return errors.New(`it should look like "elon@tesla.com"`)
	}
	for label := range strings.SplitSeq(ASCIIDomain(domain), ".") {
		if letters(Fold(label)) == "" || strings.ContainsFunc(label, isForeign) {
			return errors.New("what follows the @ is not a domain such as tesla.com")
		}
	}
	return nil
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// isForeign reports whether no domain has the character. The underscore is in some that
// are not those of hosts.
func isForeign(r rune) bool {
	return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Digit) && r != '-' && r != '_'
}

// Addresses returns how much the e-mail address of a record looks like one that was sent.
// Exact are addresses that are the same, however they are written. Near is what servers make
// of an address.
func Addresses(sent, row string) Likeness {
	switch relate(sent, row, rewritesAddress) {
	case same:
		return Exact
	case rewritten:
		return Near
	case unsent, different, dropped:
	}
	return Unlike
}

// What servers do to an e-mail address, beyond what Fold undoes:
//
//   - they take it out of "Name <address>";
//   - they drop a +tag, or the -tag of Yahoo, but they do not add one or change it;
//   - they escape, drop and replace characters that are unusual before the @;
//   - they drop the dots before the @ if the domain is Google's, where they mean nothing;
//   - they cannot store all characters;
//   - they cut it short.
func rewritesAddress(sent, row string) bool {
	sent, row = addressAlone(sent), addressAlone(row)
	if sent == row {
		return true
	}
	if x, y := addressKey(sent), addressKey(row); x != y && x != "" && y != "" {
		return false
	}
	local, domain, ok := strings.Cut(sent, "@")
	rowLocal, rowDomain, rowOK := strings.Cut(row, "@")
	if isCut(sent, row, minCutAddress) {
		return true
	}
	if !ok || !rowOK {
		return ok == rowOK && letters(sent) == letters(row) // not an address
	}
	if !sameDomain(domain, rowDomain) {
		return false
	}
	if losesCharacters(local, rowLocal) || plainLocal(spelled.Replace(local), domain) == plainLocal(rowLocal, domain) {
		return true
	}
	local, rowLocal = plainLocal(local, domain), plainLocal(rowLocal, domain)
	if local == rowLocal {
		return true
	}
	return withoutTag(local, domain) == rowLocal
}

// withoutTag drops the tag of an address: what follows a plus sign or, at Yahoo, a hyphen.
func withoutTag(local, domain string) string {
	local, _, _ = strings.Cut(local, "+")
	if name, _, _ := strings.Cut(local, "-"); name != "" && isYahoo(domain) {
		return name
	}
	return local
}

// longAddress is how much is left of an address that was cut short, at least, to search for.
const longAddress = 40

// Spellings returns what addresses servers may have made of one, to search for. It leaves out
// the address itself. For most addresses there are none.
func Spellings(address string) []string {
	address = strings.ToLower(strings.TrimSpace(address))
	local, domain, _ := strings.Cut(address, "@")
	tagless := withoutTag(local, domain)
	locals := []string{local, tagless}
	special := func(r rune) bool { return isForeign(r) && r != '.' && r != '+' }
	if parts := strings.FieldsFunc(tagless, special); strings.ContainsFunc(tagless, special) && len(parts) > 0 {
		locals = append(locals, html.EscapeString(local), html.EscapeString(tagless), strings.Join(parts, ""), parts[len(parts)-1])
	}
	if isGoogle(domain) {
		domain = "gmail.com"
		locals = append(locals, strings.ReplaceAll(tagless, ".", ""))
	}
	var all []string
	for _, l := range locals {
		for _, text := range spelledAs(l, domain) {
			if text != address && !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	if len(address) > longAddress && isASCII(address) {
		all = append(all, address[:longAddress])
	}
	return all
}

// spelledAs returns an address as servers write it that cannot store all characters.
func spelledAs(local, domain string) []string {
	all := []string{local + "@" + domain, local + "@" + ASCIIDomain(domain)}
	if shown, ok := shownDomain(domain); ok {
		domain = shown
	}
	whole := local + "@" + domain
	if isASCII(whole) {
		return all
	}
	return append(all, whole, withoutForeign(whole, '?'), withoutForeign(whole, -1), unaccented(whole), spelled.Replace(whole), asLatin1(whole))
}

// withoutForeign replaces the characters that are not ASCII.
func withoutForeign(s string, by rune) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return by
		}
		return r
	}, s)
}

// addressAlone returns the address in "Name <address>" and "mailto:address". It decodes
// percent escapes.
func addressAlone(s string) string {
	if _, rest, ok := strings.Cut(unescape(s), "<"); ok && strings.Contains(rest, "@") {
		s, _, _ = strings.Cut(rest, ">")
	}
	if text, err := url.PathUnescape(s); err == nil {
		s = text
	}
	return strings.TrimPrefix(Fold(s), "mailto:")
}

// plainLocal removes the characters before the @ that servers remove.
func plainLocal(local, domain string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '.' && isGoogle(domain):
			return -1
		case r == ' ': // a + that was read as one of a form
			return '+'
		case unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune("._-+", r):
			return r
		default:
			return -1
		}
	}, unaccented(local))
}

func isGoogle(domain string) bool { return domain == "gmail.com" || domain == "googlemail.com" }

func isYahoo(domain string) bool {
	return strings.HasPrefix(domain, "yahoo.") || domain == "ymail.com" || domain == "rocketmail.com"
}

// sameDomain compares two domains in punycode. If the row's stands for another text, too, it is
// another domain.
func sameDomain(sent, row string) bool {
	if sent == row || isGoogle(sent) && isGoogle(row) {
		return true
	}
	shown, ok := shownDomain(sent)
	_, other := shownDomain(row)
	return ok && !other && rewritesName(shown, row)
}

// shownDomain returns the text that a domain in punycode stands for, and reports whether that is
// another one.
func shownDomain(domain string) (string, bool) {
	shown, err := idna.ToUnicode(domain)
	return shown, err == nil && shown != domain
}

// maxAddressKey is how many characters an addressKey has.
const maxAddressKey = 20

// addressKey returns a part of an e-mail address that no rewriting changes. It is "" if there
// may be none: servers that cannot store all characters drop or replace some.
func addressKey(address string) string {
	if read, ok := latin1(address); ok {
		address = read
	}
	local, domain, _ := strings.Cut(addressAlone(address), "@")
	local = withoutTag(strings.ReplaceAll(local, " ", "+"), domain)
	if !isASCII(local) {
		return ""
	}
	key := letters(local)
	return key[:min(len(key), maxAddressKey)]
}
