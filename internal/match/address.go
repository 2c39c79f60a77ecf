package match

import (
	"errors"
	"strings"
	"unicode"
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
		if squash(label) == "" || strings.ContainsFunc(label, isForeign) {
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
