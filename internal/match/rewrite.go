package match

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// relation is what became of a text that was sent.
type relation int

const (
	unsent    relation = iota // none was sent, so the record cannot differ
	different                 // the record has another one
	dropped                   // the record has none: the server may not have accepted it
	rewritten                 // the record has what servers make of it
	same                      // the record has it, folded
)

// relate returns how a text of a record relates to the one that was sent. rewrites reports
// whether servers make the one of the other.
func relate(sent, row string, rewrites func(sent, row string) bool) relation {
	x, y := Fold(sent), Fold(row)
	switch {
	case x == "":
		return unsent
	case y == "":
		return dropped
	case x == y:
		return same
	case rewrites(sent, row):
		return rewritten
	}
	if read, ok := latin1(row); ok {
		return min(rewritten, relate(sent, read, rewrites))
	}
	return different
}

// Rewritten reports whether a text of a record is, or may be, what a server made of the text
// that was sent. An empty text is not.
func Rewritten(sent, row string) bool { return relate(sent, row, rewritesText) >= rewritten }

// What servers do to a text, beyond what Fold undoes:
//
//   - they remove markup, with what is in scripts and styles or without it;
//   - they remove, double and escape quotes, and make typographic ones plain;
//   - they remove or change white space;
//   - they replace characters by plain ones: ligatures, wide letters, accented letters;
//   - they cannot store some characters, which they drop or replace by "?";
//   - they take UTF-8 for Windows-1252, which is what databases mean by Latin-1;
//   - they drop punctuation;
//   - they put links that they can follow in place of those in a message, or remove them, and
//     fill in its merge fields;
//   - they cut the text short, or add a header or a footer.
const (
	// minCut is how much is left of a text that was cut short, at least, without spaces.
	minCut = 3
	// minCutName and minCutAddress are the same for names, with the spaces between words, and
	// for e-mail addresses. Columns for those are not as short, and many begin alike.
	minCutName, minCutAddress = 10, 30
	// minBegun is how long a text is, at least, that is recognized before a footer.
	minBegun = 7
	// minWithin is how long a text is, at least, that is recognized behind a header.
	minWithin = 15
	// longCut is a length in bytes at which a server may cut within a number.
	longCut = 20
)

// rewritesText is for texts of any length, such as those of messages.
func rewritesText(sent, row string) bool {
	if anyForm(sent, row, alikeTexts) {
		return true
	}
	sent, row = Fold(sent), Fold(row)
	sent, row = links.ReplaceAllString(sent, ""), links.ReplaceAllString(row, "")
	return anyForm(sent, row, alikeTexts) || fillsIn(sent, row)
}

// alikeTexts compares the plain forms of two texts.
func alikeTexts(x, y string) bool {
	return x == y || isCut(x, y, minCut) || isCut(y, x, minBegun) || letters(x) != "" && letters(x) == letters(y) ||
		len(x) >= minWithin && strings.Contains(y, x)
}

// anyForm reports whether the plain forms of two texts are alike in one of the ways that a
// server may have gone from one to the other.
func anyForm(sent, row string, alike func(x, y string) bool) bool {
	folded := Fold(sent)
	x, y := plain(folded), plain(Fold(row))
	if alike(x, y) {
		return true
	}
	if bare := plain(scripts.ReplaceAllString(folded, "")); bare != x && bare != "" && alike(bare, y) {
		return true
	}
	return !isASCII(folded) && (alike(plain(spelled.Replace(folded)), y) || losesCharacters(sent, row))
}

var (
	tags    = regexp.MustCompile(`</?[a-zA-Z!][^<>]*>`)
	scripts = regexp.MustCompile(`(?is)<script\b.*?</script\s*>|<style\b.*?</style\s*>`)

	// spelled writes umlauts as German does without them.
	spelled = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "å", "aa")
	// based are letters that have no decomposition.
	based = strings.NewReplacer("ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "æ", "ae", "œ", "oe", "ı", "i", "ħ", "h")
)

// plain undoes what servers do to a folded text. It is the same for all that differ only in
// that.
func plain(s string) string {
	if strings.Contains(s, "<") {
		s = tags.ReplaceAllString(s, "")
	}
	if !isASCII(s) {
		s = unaccented(s)
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r > ' ' && r <= '~' && !strings.ContainsRune("\"'`\\<>", r):
			return r
		case r <= unicode.MaxASCII, isBlank(r), unicode.Is(unicode.Quotation_Mark, r), r == '´':
			return -1
		case unicode.Is(unicode.Pd, r), r == '−':
			return '-'
		default:
			return r
		}
	}, s)
}

// unaccented replaces characters by plain ones.
func unaccented(s string) string {
	s = strings.Map(func(r rune) rune {
		if 0x300 <= r && r <= 0x36f {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
	return norm.NFC.String(based.Replace(s))
}

// letters keeps the letters and digits of a folded text, in their plain form.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return r
		}
		return -1
	}, plain(s))
}

// isCut reports whether part is the beginning of whole, of at least so many characters. It
// may end with an ellipsis. A short one does not end within a number: "call 1" and "call 10"
// are different texts.
func isCut(whole, part string, least int) bool {
	part = strings.TrimRight(part, ".")
	rest, ok := strings.CutPrefix(whole, part)
	if !ok || utf8.RuneCountInString(part) < least {
		return false
	}
	return len(part) >= longCut || rest == "" || !isDigit(part[len(part)-1]) || !isDigit(rest[0])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// losesCharacters reports whether row is what is left of a text by a server that cannot store
// all characters: those that are not ASCII, or those of four bytes in UTF-8. It drops them,
// replaces them by question marks, or cuts the text at the first one.
func losesCharacters(sent, row string) bool {
	sent, row = asStored(sent), asStored(row)
	for _, limit := range storableLimits {
		beyond := isBeyond(limit)
		first := strings.IndexFunc(sent, beyond)
		if first < 0 || strings.ContainsFunc(row, beyond) {
			continue // there is nothing to lose, or the server can store it
		}
		left := storable(row, limit)
		if left == storable(sent, limit) && (left != "" || strings.ContainsAny(row, "?\uFFFD")) ||
			left != "" && left == plain(sent[:first]) {
			return true
		}
	}
	return false
}

// storableLimits are the last characters that servers can store which cannot store all.
var storableLimits = []rune{unicode.MaxASCII, 0xffff}

// isBeyond returns a function that reports whether a server with this limit cannot store a
// character.
func isBeyond(limit rune) func(rune) bool {
	return func(r rune) bool { return r > limit && r != utf8.RuneError }
}

// asStored returns the form of a text in which characters are looked for that a server cannot
// store.
func asStored(s string) string { return fullLower(unescape(Visible(s))) }

// storable returns the plain form of a text without the characters beyond a limit, and
// without what may stand for them.
func storable(s string, limit rune) string {
	return plain(strings.Map(func(r rune) rune {
		if r > limit || r == '?' || r == utf8.RuneError {
			return -1
		}
		return r
	}, s))
}

// latin1 reads UTF-8 that was taken for Windows-1252. Of the five bytes that Windows-1252
// does not have, a server makes what Latin-1 has.
func latin1(s string) (string, bool) {
	if isASCII(s) {
		return "", false
	}
	read := make([]byte, 0, len(s))
	for _, r := range s {
		b, ok := charmap.Windows1252.EncodeRune(r)
		switch {
		case ok:
		case r <= unicode.MaxLatin1:
			b = byte(r) //nolint:gosec // it fits
		default:
			return "", false
		}
		read = append(read, b)
	}
	return string(read), utf8.Valid(read)
}

// asLatin1 takes UTF-8 for Windows-1252.
func asLatin1(s string) string {
	var taken strings.Builder
	for i := range len(s) {
		taken.WriteRune(charmap.Windows1252.DecodeByte(s[i]))
	}
	return taken.String()
}

// rewritesSite is for addresses of web pages. Servers write them with or without the scheme,
// "www.", the host, a query and a slash at the end.
func rewritesSite(sent, row string) bool {
	x, y := plainSite(sent), plainSite(row)
	return x == y || x != "" && y != "" && (strings.HasSuffix(x, "/"+y) || strings.HasSuffix(y, "/"+x))
}

func plainSite(s string) string {
	if text, err := url.PathUnescape(s); err == nil {
		s = text
	}
	s = Fold(s)
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s, _, _ = strings.Cut(s, "?")
	s, _, _ = strings.Cut(s, "#")
	host, path, _ := strings.Cut(strings.TrimLeft(s, "/@"), "/")
	if first, rest, ok := strings.Cut(host, "."); ok && strings.Contains(rest, ".") && (first == "www" || len(first) <= 2) {
		host = rest // "de.linkedin.com" is "linkedin.com"
	}
	return strings.TrimRight(ASCIIDomain(host)+"/"+path, "/")
}

// rewritesPhone is for telephone numbers. Servers write them with or without the prefix of
// the country, the zero before the rest, and an extension.
func rewritesPhone(sent, row string) bool {
	const least = 6 // digits of a number within a town
	x, y := digits(strings.ReplaceAll(sent, "(0)", "")), digits(row)
	if x == "" || y == "" {
		return letters(Fold(sent)) == letters(Fold(row))
	}
	if alone := extension.ReplaceAllString(sent, ""); alone != sent && digits(alone) != "" && rewritesPhone(alone, row) {
		return true
	}
	bare := func(s string) string { return strings.TrimLeft(s, "0") }
	short, long := bare(x), bare(y)
	if len(short) > len(long) {
		short, long = long, short
	}
	return short == long ||
		len(short) >= least && (strings.HasSuffix(long, short) || strings.HasPrefix(long, short))
}

// extension is what follows a telephone number: "x12", "ext. 12", ";ext=12".
var extension = regexp.MustCompile(`(?i)[\s,;]*(?:x|#|ext|extension|durchwahl|dw|poste)[\s.:=]*\d+\s*$`)

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, norm.NFKC.String(s))
}
