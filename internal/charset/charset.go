// Package charset converts the text of a response to UTF-8, and never replaces in silence
// what it cannot convert.
//
// It knows nothing of HTTP besides the form of a Content-Type header, and nothing of JSON.
package charset

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Error means that a text cannot be converted to UTF-8.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// Declared returns the charset that a Content-Type header names. It returns "" if the
// header names none, UTF-8 or ASCII: such a text is read as it is.
func Declared(contentType string) string {
	_, parameters, _ := strings.Cut(contentType, ";")
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "charset") {
			continue
		}
		label := strings.Trim(value, " \t\"'\\")
		switch plain(label) {
		case "utf8", "utf8mb3", "utf8mb4", "usascii", "ascii":
			return ""
		}
		return label
	}
	return ""
}

const utf8Mark = "\xef\xbb\xbf"

// The byte-order marks that a text may begin with.
var marks = map[string]encoding.Encoding{
	utf8Mark:   unicode.UTF8,
	"\xfe\xff": unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	"\xff\xfe": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM),
}

// headSize is how much is read at once to look for a mark.
const headSize = 4 << 10

// IsMarked reports whether a text begins with a byte-order mark.
func IsMarked(text []byte) bool {
	return len(text) > 0 && text[0] >= utf8Mark[0] && markOf(text) != ""
}

// markOf returns the byte-order mark that a text begins with, or "".
func markOf(text []byte) string {
	for mark := range marks {
		if bytes.HasPrefix(text, []byte(mark)) {
			return mark
		}
	}
	return ""
}

// mayBeMarked reports whether the text that begins like this may begin with a mark.
func mayBeMarked(head []byte) bool {
	for mark := range marks {
		if strings.HasPrefix(mark, string(head)) {
			return true
		}
	}
	return false
}

// NewReader returns a reader of a text in a charset that [Declared] returned. It reads
// UTF-8, without a byte-order mark. Its error is an [*Error] if the charset is not known,
// or at the first character that the charset does not have. If no charset was declared,
// bytes that are not UTF-8 are read as they are.
//
// A byte-order mark is more certain than what was declared. So is a text that is valid
// UTF-8 though one of the charsets of Western Europe was declared: servers do that, JSON
// is UTF-8 by definition, and real texts in those charsets are not valid UTF-8.
func NewReader(from io.Reader, label string) io.Reader { return &reader{from: from, label: label} }

type reader struct {
	from  io.Reader
	label string
	text  io.Reader // nil until the beginning has been read
}

func (r *reader) Read(p []byte) (int, error) {
	if r.text == nil {
		r.begin()
	}
	return r.text.Read(p) //nolint:wrapcheck // a Reader returns io.EOF itself
}

// begin reads the beginning of the text, and decides how to read the rest. It reads no more
// than has arrived unless that may be a part of a byte-order mark.
func (r *reader) begin() {
	head := make([]byte, 0, headSize)
	text := &begun{rest: r.from}
	for mayBeMarked(head) && text.err == nil {
		var n int
		n, text.err = r.from.Read(head[len(head):headSize])
		head = head[:len(head)+n]
	}
	text.head = head
	mark := markOf(head)
	if mark == utf8Mark || mark == "" && r.label == "" {
		text.head = head[len(mark):]
		r.text = text
		return
	}
	if utf16, ok := marks[mark]; ok {
		r.text = transform.NewReader(text, &strict{Transformer: utf16.NewDecoder(), label: "UTF-16"})
		return
	}
	r.text = transform.NewReader(text, converter(r.label))
}

// begun is a text of which the head has been read, with an error if that was all.
type begun struct {
	head []byte
	err  error
	rest io.Reader
}

// Read returns the error with the last bytes of the head, as the reader of the text did. The
// caller need not ask again for the end of a text that has arrived.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.head) == 0 && b.err == nil {
		return b.rest.Read(p) //nolint:wrapcheck // a Reader returns io.EOF itself
	}
	n := copy(p, b.head)
	if b.head = b.head[n:]; len(b.head) > 0 {
		return n, nil
	}
	return n, b.err
}

// Find returns the charset that a label names, or nil. Servers also write the names that are
// registered in other ways: "Latin-1", "iso_8859_1", "windows1252".
func Find(label string) encoding.Encoding {
	short := plain(label)
	number := strings.TrimLeft(short, "abcdefghijklmnopqrstuvwxyz")
	kind := strings.TrimSuffix(short, number)
	names := []string{label, short, kind + "-" + number}
	switch kind {
	case "windows", "win", "cp", "codepage", "ibm", "dos", "ms":
		names = append(names, "cp"+number, "ms"+number)
	}
	for _, name := range names {
		if charset, err := htmlindex.Get(name); err == nil && charset != encoding.Replacement {
			return charset
		}
		if charset, err := ianaindex.IANA.Encoding(name); err == nil && charset != nil {
			return charset
		}
	}
	return nil
}

// plain returns the letters and digits of a label, in lower case.
func plain(label string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(label))
}

// converter returns what converts a text in a charset.
func converter(label string) transform.Transformer {
	charset := Find(label)
	switch charset {
	case nil:
		return &unknown{label: label}
	case charmap.Windows1252, charmap.ISO8859_1, charmap.ISO8859_15: // ISO-8859-1 is read as Windows-1252, as browsers do
		return &western{table: charset.(*charmap.Charmap)}
	case unicode.UTF8: // by another name
		return transform.Nop
	default:
		return &strict{Transformer: charset.NewDecoder(), label: label}
	}
}

// strict is a decoder that fails at what it cannot decode, instead of replacing it.
type strict struct {
	transform.Transformer

	label string
	done  int // bytes written
}

func (s *strict) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	nDst, nSrc, err = s.Transformer.Transform(dst, src, atEOF)
	if i := bytes.Index(dst[:nDst], []byte("\ufffd")); i >= 0 {
		return i, nSrc, &Error{fmt.Sprintf(
			"the text has a character that is not valid %s, after %d bytes of UTF-8", s.label, s.done+i)}
	}
	s.done += nDst
	return nDst, nSrc, err //nolint:wrapcheck // of package transform, which compares it
}
