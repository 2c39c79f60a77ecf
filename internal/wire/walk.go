package wire

import (
	"encoding/binary"
	"io"
	"math/bits"
	"unicode/utf8"
)

// A walk is a cursor over JSON. It checks the JSON on the way, and accepts nothing that the
// JSON library rejects with decodeOptions. If the JSON is not valid, is cut short, or is
// nested too deeply, it is marked as bad: from then on there are no more members or
// elements, and each value is null. What was decoded until then must be dropped, and the
// library decides what is wrong.
type walk struct {
	data  []byte
	at    int
	from  io.Reader // the rest of the data; nil if all of it is there
	ended error     // of from, when that returned one
	start int       // where the record begins

	first bool // the next member or element is the first one
	plain bool // the last text is ASCII without escapes, or the last number an integer
	bad   bool
	valid bool // the library has checked the data, however deeply it is nested
}

// maxDepth bounds the nesting of values that are kept as they are, in data that the
// library has not checked.
const maxDepth = 64

// enter moves past the start of the object or array at the cursor.
func (w *walk) enter() {
	w.token()
	w.at++
	w.first = true
}

// more moves to the next member or element and reports whether there is one. end is the
// end of the object or array.
func (w *walk) more(end byte) bool {
	if next := w.at + 1; !w.first && next < len(w.data) && w.data[w.at] == ',' && w.data[next] > ' ' && w.data[next] != end {
		w.at = next // as almost always
		return !w.bad
	}
	c, first := w.token(), w.first
	w.first = false
	switch {
	case c == end:
		return false
	case first:
		return true // which value or name rejects if it is not the start of one
	case c != ',':
		w.fail()
		return false
	}
	w.at++
	if w.token() == end {
		w.fail()
	}
	return !w.bad
}

// leave moves past the end of an object or array. It must follow a more that returned
// false.
func (w *walk) leave() {
	if !w.bad {
		w.at++
	}
}

// name moves to the value of a member and returns the member's name as written, with its
// quotes.
func (w *walk) name() []byte {
	if w.peek() != '"' {
		w.fail()
	}
	name := w.value()
	w.colon()
	return name
}

// named moves to the value of a member if this is how its name is written, with its quotes and
// the colon, and reports whether it is.
func (w *walk) named(name string) bool {
	end := w.at + len(name)
	if end > len(w.data) || string(w.data[w.at:end]) != name {
		return false
	}
	if w.at = end; end == len(w.data) || w.data[end] <= ' ' {
		w.blanks()
	}
	return true
}

func (w *walk) colon() {
	if w.token() != ':' {
		w.fail()
		return
	}
	w.at++
	w.token()
}

// null is the value of what is not valid.
var null = []byte("null")

// value moves past a value and returns it.
func (w *walk) value() []byte {
	begin := w.at
	w.skip(0)
	if w.bad {
		return null
	}
	return w.data[begin:w.at]
}

func (w *walk) skip(depth int) {
	switch w.peek() {
	case '"':
		w.text()
	case '{':
		if depth == maxDepth && !w.valid {
			w.fail()
		}
		for w.enter(); w.more('}'); {
			w.name()
			w.skip(depth + 1)
		}
		w.leave()
	case '[':
		if depth == maxDepth && !w.valid {
			w.fail()
		}
		for w.enter(); w.more(']'); {
			w.skip(depth + 1)
		}
		w.leave()
	case 't':
		w.word("true")
	case 'f':
		w.word("false")
	case 'n':
		w.word("null")
	default:
		w.number()
	}
}

func (w *walk) word(word string) {
	if end := w.at + len(word); end <= len(w.data) && string(w.data[w.at:end]) == word {
		w.at = end
		return
	}
	for i := range len(word) {
		if w.peek() != word[i] {
			w.fail()
			return
		}
		w.at++
	}
}

func (w *walk) number() {
	w.plain = true
	if w.peek() == '-' {
		w.at++
	}
	if w.peek() == '0' {
		w.at++
	} else {
		w.digits()
	}
	if w.peek() == '.' {
		w.plain = false
		w.at++
		w.digits()
	}
	if c := w.peek(); c == 'e' || c == 'E' {
		w.plain = false
		w.at++
		if c = w.peek(); c == '+' || c == '-' {
			w.at++
		}
		w.digits()
	}
}

// digits moves past digits, of which there must be one.
func (w *walk) digits() {
	begin := w.at
	for c := w.peek(); c >= '0' && c <= '9'; c = w.peek() {
		w.at++
	}
	if w.at == begin {
		w.fail()
	}
}

// text moves past a text. Bytes that are not valid UTF-8 are accepted.
func (w *walk) text() {
	w.plain = true
	w.at++
	for {
		w.at += plainBytes(w.data[w.at:])
		c := w.peek()
		for c >= utf8.RuneSelf {
			w.plain = false
			w.at++
			c = w.peek()
		}
		switch {
		case c == '"':
			w.at++
			return
		case c == '\\':
			w.plain = false
			w.at++
			w.escape()
		case c < ' ': // or the end of the data
			w.fail()
			return
		}
	}
}

// plainText moves past a text that is ASCII without escapes, and has all arrived. If the value
// is anything else, it returns false, and the cursor stays.
func (w *walk) plainText() ([]byte, bool) {
	if w.peek() != '"' {
		return nil, false
	}
	begin := w.at + 1
	end := begin + plainBytes(w.data[begin:])
	if end == len(w.data) || w.data[end] != '"' {
		return nil, false
	}
	w.at = end + 1
	return w.data[begin:end], true
}

// escape moves past what follows a backslash.
func (w *walk) escape() {
	switch w.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		w.at++
	case 'u':
		w.at++
		for range 4 {
			if !isHex(w.peek()) {
				w.fail()
				return
			}
			w.at++
		}
	default:
		w.fail()
	}
}

// plainBytes returns how many bytes at the beginning of text are ASCII that is written
// without escapes. It looks at eight bytes at a time: a subtraction sets the highest bit of
// the first byte that is something else, and perhaps those of bytes behind it.
func plainBytes(text []byte) int {
	const each = 0x0101010101010101
	n := 0
	for ; len(text)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(text[n:])
		other := (x | (x - ' '*each) | ((x ^ '"'*each) - each) | ((x ^ '\\'*each) - each)) & (utf8.RuneSelf * each)
		if other != 0 {
			return n + bits.TrailingZeros64(other)/8
		}
	}
	for ; n < len(text); n++ {
		if c := text[n]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return n
}

// token moves past blanks and returns the byte behind them, or 0 at the end of the data.
func (w *walk) token() byte {
	if w.at < len(w.data) && w.data[w.at] > ' ' {
		return w.data[w.at]
	}
	return w.blanks()
}

func (w *walk) blanks() byte {
	c := w.peek()
	for isBlank(c) {
		w.at++
		c = w.peek()
	}
	return c
}

// peek returns the byte at the cursor, or 0 at the end of the data.
func (w *walk) peek() byte {
	if w.at < len(w.data) {
		return w.data[w.at]
	}
	return w.refill()
}

// refill reads more of the data, and returns the byte at the cursor, or 0 if there is none.
func (w *walk) refill() byte {
	for w.from != nil && w.ended == nil && !w.bad {
		if len(w.data) == cap(w.data) {
			w.data = append(make([]byte, 0, 2*cap(w.data)), w.data...)
		}
		var n int
		n, w.ended = w.from.Read(w.data[len(w.data):cap(w.data)])
		w.data = w.data[:len(w.data)+n]
		if n > 0 {
			return w.data[w.at]
		}
	}
	return 0
}

// fail marks the data as bad.
func (w *walk) fail() { w.bad, w.at = true, len(w.data) }

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
