package contactcsv

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/growthgenius/growthgenius-go/internal/charset"
)

// The encodings that are found out.
const (
	utf8Name    = "UTF-8"
	utf16LE     = "UTF-16LE"
	utf16BE     = "UTF-16BE"
	windows1252 = "windows-1252"
)

// sampleSize is how much of a file is read to find out its encoding.
const sampleSize = 256 << 10

// marks are the byte-order marks. That of UTF-32 begins with one of UTF-16.
var marks = []struct{ bytes, name string }{
	{"\xef\xbb\xbf", utf8Name}, {"\xff\xfe", utf16LE}, {"\xfe\xff", utf16BE},
}

// coding is how a file is encoded.
type coding struct {
	name     string
	mark     string            // the byte-order mark, or ""
	encoding encoding.Encoding // nil for UTF-8
	sure     Certainty
}

// findCoding finds out how a file is encoded that begins like the sample.
func findCoding(sample []byte, given string, whole bool) (coding, error) {
	c := coding{}
	for _, m := range marks {
		if bytes.HasPrefix(sample, []byte(m.bytes)) {
			c = coding{name: m.name, mark: m.bytes, sure: Certain}
			break
		}
	}
	switch {
	case given != "":
		name, err := givenName(given, c.name)
		if err != nil {
			return c, err
		}
		if c.name != "" && c.name != name {
			return c, &FileError{Line: 1, Reason: fmt.Sprintf("the file begins with the byte-order mark of %s, and "+
				"ReaderOptions.Encoding is %q: leave the option empty", c.name, given)}
		}
		c.name, c.sure = name, Given
	case c.name != "":
	case looksUTF16(sample) != "":
		c.name, c.sure = looksUTF16(sample), Likely
	case validStart(sample, whole):
		c.name, c.sure = utf8Name, Likely
		if hasHigh(sample) {
			c.sure = Certain
		}
	default:
		err := judgeMixed(sample)
		if err == nil {
			c.sure, err = judgeWestern(sample)
		}
		if err != nil {
			return c, err
		}
		c.name = windows1252
	}
	switch c.name {
	case utf8Name:
	case utf16LE:
		c.encoding = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case utf16BE:
		c.encoding = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	default:
		c.encoding = charset.Find(c.name)
	}
	return c, nil
}

// givenName returns the name of an encoding that the caller gave.
func givenName(given, marked string) (string, error) {
	switch strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(given)) {
	case "utf8":
		return utf8Name, nil
	case "utf16le":
		return utf16LE, nil
	case "utf16be":
		return utf16BE, nil
	case "utf16":
		if marked == utf16BE {
			return utf16BE, nil
		}
		return utf16LE, nil
	}
	switch found := charset.Find(given); found {
	case nil:
		return "", &FileError{Reason: fmt.Sprintf("the encoding %q is not known: use a name such as "+
			`"windows-1252", "UTF-16LE" or "macintosh"`, given)}
	case charmap.Windows1252, charmap.ISO8859_1: // what is called ISO-8859-1 is Windows-1252, as in browsers
		return windows1252, nil
	}
	return given, nil
}

// looksUTF16 returns the name of the UTF-16 that a text without a mark is in, or "". Every
// delimiter, line end and ASCII letter has a zero byte there.
func looksUTF16(sample []byte) string {
	head := sample[:min(len(sample), 4<<10)&^1]
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	enough := max(len(head)/20, 3)
	switch {
	case zeros[1] > enough && zeros[0]*10 <= zeros[1]:
		return utf16LE
	case zeros[0] > enough && zeros[1]*10 <= zeros[0]:
		return utf16BE
	}
	return ""
}

// validStart reports whether the text is valid UTF-8. Its last character may be incomplete
// unless the text is whole.
func validStart(text []byte, whole bool) bool {
	for i := 1; !whole && i < utf8.UTFMax && i <= len(text); i++ {
		if c := text[len(text)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(text[len(text)-i:]) {
				text = text[:len(text)-i]
			}
			break
		}
	}
	return utf8.Valid(text)
}

func hasHigh(text []byte) bool {
	return bytes.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// judgeMixed returns an error if most characters beyond ASCII are UTF-8, but not all.
func judgeMixed(sample []byte) error {
	valid, invalid, first := 0, 0, 0
	for i := 0; i < len(sample); {
		c, size := utf8.DecodeRune(sample[i:])
		switch {
		case size > 1:
			valid++
		case c == utf8.RuneError:
			if invalid == 0 {
				first = i
			}
			invalid++
		}
		i += size
	}
	if valid <= invalid {
		return nil
	}
	return &FileError{Line: 1 + bytes.Count(sample[:first], []byte("\n")), Reason: fmt.Sprintf("the byte 0x%02X is not valid UTF-8, "+
		"unlike most of the file: mend it, or set ReaderOptions.Encoding", sample[first])}
}

// judgeWestern returns how likely a text that is not UTF-8 is Windows-1252, or an error if
// names would become garbage. In texts of Western Europe, a byte over 0x7F between two
// letters is a letter or an apostrophe, and few of them are neighbors.
func judgeWestern(sample []byte) (Certainty, error) {
	high, odd, run := 0, 0, 0
	for i, b := range sample {
		if b < utf8.RuneSelf {
			run = 0
			continue
		}
		high++
		run++
		switch {
		case strings.IndexByte("\x81\x8d\x8f\x90\x9d", b) >= 0: // not defined
			odd++
		case run > 2:
			odd++
		case b < 0xc0 && i > 0 && i+1 < len(sample) && isLetter(sample[i-1]) && isLetter(sample[i+1]) &&
			strings.IndexByte("\x8a\x8c\x8e\x91\x92\x9a\x9c\x9e\x9f\xad\xb7", b) < 0:
			odd++
		}
	}
	if odd*2 > high {
		return 0, &FileError{Reason: "the encoding cannot be found out: the file is not UTF-8, and as Windows-1252 its texts " +
			`would be garbage. Set ReaderOptions.Encoding, for example to "macintosh", "ibm850", "windows-1250" or ` +
			`"windows-1251", or save the file as UTF-8`}
	}
	if odd > 0 {
		return Guess, nil
	}
	return Likely, nil
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// undecodableError is the error of a text that is not in its encoding.
type undecodableError struct{ name string }

func (e *undecodableError) Error() string {
	return fmt.Sprintf("a character in this line is not valid %s: set ReaderOptions.Encoding, or save the file as UTF-8", e.name)
}

// reader returns a reader of the text in UTF-8. That of a file in UTF-8 is not checked.
func (c coding) reader(from io.Reader) io.Reader {
	if c.encoding == nil {
		return from
	}
	return transform.NewReader(from, &strict{Transformer: c.encoding.NewDecoder(), coding: c})
}

// strict is a decoder that fails at what it cannot decode, instead of replacing it.
type strict struct {
	transform.Transformer

	coding coding
}

func (s *strict) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	nDst, nSrc, err = s.Transformer.Transform(dst, src, atEOF)
	text := dst[:nDst]
	for at := 0; ; {
		i := bytes.IndexRune(text[at:], utf8.RuneError)
		if s.coding.name == windows1252 && i < 0 {
			i = bytes.IndexFunc(text[at:], func(r rune) bool { return 0x80 <= r && r <= 0x9f })
		}
		if i < 0 {
			return nDst, nSrc, err //nolint:wrapcheck // of package transform, which compares it
		}
		if !s.written(text[:at+i], src) {
			return at + i, nSrc, &undecodableError{s.coding.name}
		}
		at += i + len("\ufffd")
	}
}

// written reports whether the source of a text in UTF-16 goes on with a replacement
// character, so that it is not the decoder's.
func (s *strict) written(text, src []byte) bool {
	units := 0
	for _, r := range string(text) {
		units++
		if r > 0xffff {
			units++
		}
	}
	at := units * 2
	if at+2 > len(src) {
		return false
	}
	return s.coding.name == utf16LE && src[at] == 0xfd && src[at+1] == 0xff ||
		s.coding.name == utf16BE && src[at] == 0xff && src[at+1] == 0xfd
}

// encode returns a text in the encoding. What the encoding does not have is an error.
func (c coding) encode(text string) ([]byte, error) {
	if c.encoding == nil {
		return []byte(text), nil
	}
	return c.encoding.NewEncoder().Bytes([]byte(text)) //nolint:wrapcheck // by the caller
}
