// Package redact makes text that came from outside safe to show: it removes the API key
// from it, replaces what is not printable and bounds its length. The text is the body of
// a response, a header, or the error of a transport.
//
// It knows nothing of HTTP and nothing of the types of errors. Which texts are redacted,
// and when, is for its callers to decide.
package redact

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// MaxBody is how many bytes of a body an error keeps.
const MaxBody = 4 << 10

const (
	redacted = "[redacted]"

	// wholeWord is the length from which a key is redacted wherever it is found. A shorter
	// one may be part of a word, as "test" is of "latest", so it is redacted only if it is
	// a word of its own.
	wholeWord = 8
)

// Redactor removes the API key from text. It also finds the key in the escapes of JSON,
// URLs and HTML, since a server or a proxy that echoes a request may escape it. The zero
// Redactor removes nothing.
//
// A Redactor holds functions instead of the key, so that printing one cannot show the key.
type Redactor struct {
	// find returns where the next echo of the key in b begins and ends, from an offset on.
	// The end is 0 if there is none.
	find func(b []byte, from int) (begin, end int)
	// How many bytes the key takes up: at least, and at most if each character is escaped once.
	shortest, longest int
}

// New returns a Redactor of the key, or one that removes nothing if the key is empty.
func New(key string) Redactor {
	if key == "" {
		return Redactor{}
	}
	// The pattern is compiled when it is first needed: most clients never see an error that
	// could quote the key.
	pattern := sync.OnceValue(func() *regexp.Regexp { return compile(key) })
	return Redactor{
		find: func(b []byte, from int) (begin, end int) {
			if from == 0 && !bytes.ContainsAny(b, `\%&~`) && !bytes.Contains(b, []byte(key)) {
				return 0, 0 // without escapes there is no need for the pattern
			}
			for {
				at := pattern().FindSubmatchIndex(b[from:])
				if at == nil {
					return 0, 0
				}
				begin, end := from+at[0], from+at[1]
				if len(key) >= wholeWord || !(endsInWord(b[:begin]) || beginsInWord(b[end:])) {
					return begin, end
				}
				from += at[3] // after the first character, which the next echo may overlap
			}
		},
		longest: 12 * len(key), shortest: len(key),
	}
}

// compile returns a pattern of the key, escaped in any way. Its only group is the first
// character.
func compile(key string) *regexp.Regexp {
	var b strings.Builder
	group := "("
	for i := range len(key) {
		c := key[i]
		fmt.Fprintf(&b, `%s\\*%s|\\+u00(?i:%02x)|%%(?:25)*(?i:%02x)|&#0{0,4}%d;|&#[xX]0{0,4}(?i:%x);`,
			group, regexp.QuoteMeta(key[i:i+1]), c, c, c, c)
		if name, ok := escapeNames[c]; ok {
			b.WriteString("|" + name)
		}
		b.WriteString(")")
		group = "(?:"
	}
	pattern := regexp.MustCompile(b.String())
	if len(key) < wholeWord {
		// Of "%" and "%25" the longer one counts: what follows the shorter one would look
		// like a part of the same word.
		pattern.Longest()
	}
	return pattern
}

// escapeNames are the escapes of single characters in HTML and in JSON pointers.
var escapeNames = map[byte]string{
	'"': "&quot;", '\'': "&apos;", '&': "&amp;", '<': "&lt;", '>': "&gt;", '/': "~1", '~': "~0",
}

// replace returns b without the key, or b itself if b does not quote the key.
func (r Redactor) replace(b []byte) []byte {
	if r.find == nil {
		return b
	}
	var out []byte
	last := 0
	for {
		begin, end := r.find(b, last)
		if end == 0 {
			break
		}
		out = append(append(out, b[last:begin]...), redacted...)
		last = end
	}
	if last == 0 {
		return b
	}
	return append(out, b[last:]...)
}

// Text returns s without the key.
func (r Redactor) Text(s string) string {
	if len(s) < r.shortest { // it has no room for the key
		return s
	}
	return string(r.replace([]byte(s)))
}

// Bytes returns the beginning of a body without the key: at least as much of it as errors
// keep. The rest is cut off, and with it a key that the cut leaves incomplete. The result
// may share the memory of b.
func (r Redactor) Bytes(b []byte) []byte {
	most := MaxBody + 2*r.longest
	if len(b) <= most {
		return r.replace(b)
	}
	b = r.replace(b[:most])
	return b[:max(0, len(b)-r.longest)]
}

// Room returns how many bytes of a body must be kept beyond MaxBody, so that Bytes has
// MaxBody of them left and can tell that the body goes on.
func (r Redactor) Room() int { return 2*r.longest + 1 }

// Quotes reports whether a body quotes the key.
func (r Redactor) Quotes(b []byte) bool {
	if r.find == nil {
		return false
	}
	_, end := r.find(b, 0)
	return end > 0
}

// Header returns a header without the key, or h itself if no value quotes the key.
func (r Redactor) Header(h map[string][]string) map[string][]string {
	quotes := func(value string) bool { return r.Quotes([]byte(value)) }
	clean, copied := h, false
	for name, values := range h {
		if !slices.ContainsFunc(values, quotes) {
			continue
		}
		texts := slices.Clone(values)
		for i := range texts {
			texts[i] = r.Text(texts[i])
		}
		if !copied {
			clean, copied = maps.Clone(h), true
		}
		clean[name] = texts
	}
	return clean
}

// Err returns err itself if it can be shown. If it quotes the key, or an error that it wraps
// does, Err returns a new error with the text of err, without the key. That wraps nothing, so
// that nothing that quotes the key can be reached through it. If only the text of err is not
// one line of printable text, the new error wraps err.
func (r Redactor) Err(err error) error {
	switch {
	case err == nil:
		return nil
	case r.quotedBy(err):
		return errors.New(Printable(r.Text(err.Error())))
	case Printable(err.Error()) != err.Error():
		return lineError{Printable(err.Error()), err}
	default:
		return err
	}
}

// lineError is an error with the text of its cause as one line.
type lineError struct {
	text  string
	cause error
}

func (e lineError) Error() string { return e.text }
func (e lineError) Unwrap() error { return e.cause }

// quotedBy reports whether err, or an error that it wraps, quotes the key.
func (r Redactor) quotedBy(err error) bool {
	if err == nil {
		return false
	}
	if words := fmt.Sprintf("%v %+v %#v", err, err, err); r.Quotes([]byte(words)) {
		return true
	}
	switch e := err.(type) { //nolint:errorlint // each error of the chain is checked on its own
	case interface{ Unwrap() error }:
		return r.quotedBy(e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), r.quotedBy)
	default:
		return false
	}
}
