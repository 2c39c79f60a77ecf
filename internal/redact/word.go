package redact

import (
	"bytes"
	"html"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Bounds of how far an escape is followed. What is longer counts as the end of a word: to
// redact too much is better than to show the key.
const (
	mostPercents = 8  // how often a percent sign may be escaped
	mostEntity   = 32 // bytes of an HTML entity
)

// partOfWord reports whether a character makes a longer word of a key that it adjoins. A
// key is ASCII, so only digits and the letters of the Latin script do: a text in Chinese
// may quote the key without a space.
func partOfWord(c rune) bool { return '0' <= c && c <= '9' || unicode.Is(unicode.Latin, c) }

// endsInWord reports whether the last character of b is part of a word, be it escaped or
// not. The last letter or digit of an escape is not a character by itself: `\n` is the end
// of a line, and "%20" is a space.
func endsInWord(b []byte) bool {
	last, _ := utf8.DecodeLastRune(b)
	if last == ';' {
		return endsInEntity(b)
	}
	if last >= utf8.RuneSelf || !partOfWord(last) {
		return partOfWord(last)
	}
	if n := len(b) - 4; n >= 2 && b[n-1] == 'u' && b[n-2] == '\\' {
		if c, ok := hex(b[n:]); ok {
			return partOfWord(c)
		}
	}
	if n := len(b) - 2; n >= 1 {
		c, ok := hex(b[n:])
		if ok && (endsInPercent(b[:n]) || bytes.HasSuffix(b[:n], []byte(`\x`))) {
			return c < utf8.RuneSelf && partOfWord(c)
		}
	}
	n := len(b) - 1
	if n == 0 {
		return true
	}
	return !(b[n-1] == '\\' && isEscapeLetter(b[n]) || b[n-1] == '~' && isPointerDigit(b[n]))
}

// endsInPercent reports whether b ends in the percent sign of an escape, which may be
// escaped itself.
func endsInPercent(b []byte) bool {
	for n := 0; bytes.HasSuffix(b, []byte("25")); n++ {
		if n == mostPercents {
			return true
		}
		b = b[:len(b)-2]
	}
	return bytes.HasSuffix(b, []byte("%"))
}

// endsInEntity reports whether b ends in an HTML entity that is part of a word.
func endsInEntity(b []byte) bool {
	b = b[max(0, len(b)-mostEntity):]
	begin := bytes.LastIndexByte(b, '&')
	if begin < 0 {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(html.UnescapeString(string(b[begin:])))
	return partOfWord(last)
}

// beginsInWord reports whether the first character of b is part of a word, be it escaped
// or not.
func beginsInWord(b []byte) bool {
	first, _ := utf8.DecodeRune(b)
	switch first {
	case '\\':
		return beginsInBackslash(bytes.TrimLeft(b, `\`))
	case '%':
		return beginsInPercent(b[1:])
	case '&':
		b = b[:min(len(b), mostEntity)]
		end := bytes.IndexByte(b, ';')
		if end < 0 {
			return false
		}
		first, _ = utf8.DecodeRuneInString(html.UnescapeString(string(b[:end+1])))
	}
	return partOfWord(first)
}

// beginsInBackslash is beginsInWord of what follows a backslash.
func beginsInBackslash(b []byte) bool {
	digits := 0
	switch {
	case bytes.HasPrefix(b, []byte("u")):
		digits = 4
	case bytes.HasPrefix(b, []byte("x")):
		digits = 2
	}
	if digits == 0 || len(b) <= digits {
		return false
	}
	c, ok := hex(b[1 : 1+digits])
	return ok && partOfWord(c)
}

// beginsInPercent is beginsInWord of what follows a percent sign.
func beginsInPercent(b []byte) bool {
	for n := 0; bytes.HasPrefix(b, []byte("25")); n++ {
		if n == mostPercents {
			return false
		}
		b = b[2:]
	}
	if len(b) < 2 {
		return false
	}
	c, ok := hex(b[:2])
	return ok && c < utf8.RuneSelf && partOfWord(c)
}

// isEscapeLetter reports whether a letter after a backslash stands for a control
// character, as in JSON and in Go.
func isEscapeLetter(c byte) bool { return bytes.IndexByte([]byte("abfnrtv0"), c) >= 0 }

// isPointerDigit reports whether a digit after a tilde stands for a character of its own,
// as in a JSON pointer.
func isPointerDigit(c byte) bool { return c == '0' || c == '1' }

// hex returns the character that hexadecimal digits stand for.
func hex(digits []byte) (rune, bool) {
	n, err := strconv.ParseUint(string(digits), 16, 16)
	return rune(n), err == nil
}
