package wire

import "bytes"

// A walk is a cursor over JSON that is known to be valid, so it checks nothing.
type walk struct {
	data []byte
	at   int
}

// enter moves past the start of the object or array at the cursor.
func (w *walk) enter() {
	w.blanks()
	w.at++
}

// more moves to the next member or element and reports whether there is one.
func (w *walk) more() bool {
	w.blanks()
	if w.data[w.at] == ',' {
		w.at++
		w.blanks()
	}
	return w.data[w.at] != '}' && w.data[w.at] != ']'
}

// leave moves past the end of an object or array. It must follow a more that returned
// false.
func (w *walk) leave() { w.at++ }

// name moves to the value of a member and returns the member's name as written, with its
// quotes.
func (w *walk) name() []byte {
	name := w.value()
	w.colon()
	return name
}

// named moves to the value of a member if the member's name is written exactly like this,
// without escapes, and reports whether it is.
func (w *walk) named(name string) bool {
	end := w.at + 1 + len(name)
	if end >= len(w.data) || w.data[end] != '"' || string(w.data[w.at+1:end]) != name {
		return false
	}
	w.at = end + 1
	w.colon()
	return true
}

func (w *walk) colon() {
	w.blanks()
	w.at++
	w.blanks()
}

// value moves past a value and returns it.
func (w *walk) value() []byte {
	begin := w.at
	switch w.data[w.at] {
	case '"':
		w.text()
	case '{', '[':
		w.nested()
	default: // a number, true, false or null
		for w.at < len(w.data) && !endsWord(w.data[w.at]) {
			w.at++
		}
	}
	return w.data[begin:w.at]
}

func (w *walk) text() {
	for begin := w.at + 1; ; {
		w.at += 1 + bytes.IndexByte(w.data[w.at+1:], '"')
		before := w.at
		for before > begin && w.data[before-1] == '\\' {
			before--
		}
		if (w.at-before)%2 == 0 { // otherwise the quote is escaped
			w.at++
			return
		}
	}
}

func (w *walk) nested() {
	for depth := 0; ; {
		switch w.data[w.at] {
		case '"':
			w.text()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		w.at++
		if depth == 0 {
			return
		}
	}
}

func (w *walk) blanks() {
	for isBlank(w.data[w.at]) {
		w.at++
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func endsWord(c byte) bool { return c == ',' || c == '}' || c == ']' || isBlank(c) }
