package redact

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxFirstWords is how many bytes of a body FirstWords returns, not counting the ellipsis.
const MaxFirstWords = 200

// PlainText returns the text of a body. If the body is HTML, its tags, scripts and styles
// are left out. The result may share the memory of body.
func PlainText(body []byte) []byte {
	lower := asciiLower(body)
	if !bytes.Contains(lower, []byte("<html")) && !bytes.Contains(lower, []byte("<!doctype")) {
		return body
	}
	var out []byte
	for len(body) > 0 {
		open := bytes.IndexByte(body, '<')
		if open < 0 {
			return append(out, body...)
		}
		out = append(append(out, body[:open]...), ' ')
		body, lower = body[open:], lower[open:]
		end := []byte(">")
		for _, tag := range []string{"script", "style"} {
			if bytes.HasPrefix(lower, []byte("<"+tag)) {
				end = []byte("</" + tag + ">")
			}
		}
		n := bytes.Index(lower, end)
		if n < 0 {
			return out
		}
		body, lower = body[n+len(end):], lower[n+len(end):]
	}
	return out
}

// asciiLower returns a copy of b in lower case. Unlike bytes.ToLower, it keeps the length.
func asciiLower(b []byte) []byte {
	lower := bytes.Clone(b)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return lower
}

// FirstWords returns the beginning of a body as one printable line.
func FirstWords(body []byte) string {
	begin := string(body[:min(len(body), 4*MaxFirstWords)])
	return Clip(strings.Join(strings.Fields(Printable(begin)), " "), MaxFirstWords)
}

// Clip cuts a text that is longer than n bytes between two characters and marks the cut
// with an ellipsis.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// Printable returns s as one line of text for people: a blank stands for each line break and
// each other kind of space, U+FFFD for each character that could garble a terminal or a log.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		default:
			return utf8.RuneError
		}
	}, s)
}
