package redact_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// escapes are the ways to write a character that a Redactor knows.
var escapes = []func(c byte) string{
	func(c byte) string { return string(rune(c)) },
	func(c byte) string { return `\` + string(rune(c)) },
	func(c byte) string { return fmt.Sprintf(`\u%04x`, c) },
	func(c byte) string { return fmt.Sprintf(`\\u%04X`, c) },
	func(c byte) string { return fmt.Sprintf(`%%%02x`, c) },
	func(c byte) string { return fmt.Sprintf(`%%25%02X`, c) },
	func(c byte) string { return fmt.Sprintf(`&#%d;`, c) },
	func(c byte) string { return fmt.Sprintf(`&#x%04X;`, c) },
	func(c byte) string {
		names := map[byte]string{
			'"': "&quot;", '\'': "&apos;", '&': "&amp;", '<': "&lt;", '>': "&gt;", '/': "~1", '~': "~0",
		}
		if name, ok := names[c]; ok {
			return name
		}
		return string(rune(c))
	},
}

// escape writes each character of a key in the way that how asks for.
func escape(key string, how []byte) string {
	var b strings.Builder
	for i := range len(key) {
		way := 0
		if len(how) > 0 {
			way = int(how[i%len(how)]) % len(escapes)
		}
		b.WriteString(escapes[way](key[i]))
	}
	return b.String()
}

var escaped = regexp.MustCompile(`(?i)(?:\\+u00|%(?:25)*|&#x0{0,4})([0-9a-f]{2});?|&#0{0,4}([0-9]{1,3});`)

// unescape reads the escapes of characters that are written in numbers.
func unescape(text string) string {
	return escaped.ReplaceAllStringFunc(text, func(s string) string {
		digits, base := escaped.FindStringSubmatch(s), 16
		if digits[1] == "" {
			digits[1], base = digits[2], 10
		}
		if n, err := strconv.ParseUint(digits[1], base, 7); err == nil {
			return string(rune(n))
		}
		return s
	})
}

// FuzzRedact: whatever is around an echo of the key, nothing that Text, Bytes or Err
// return has the key in it, escaped or not. A short key is not there as a whole word.
func FuzzRedact(f *testing.F) {
	for _, key := range []string{longKey, "test", "testtest", "a%", "25252525", `\\\\\\\\`, "&&&&amp;", "~~~~~~~1", "[redacted]", "redacted", "-", "%41%41%41"} {
		for i := range len(escapes) {
			f.Add(key, "a", []byte{byte(i)}, "b")
			f.Add(key, `{"key":"`, []byte{byte(i), 0, 4}, `"}`)
		}
		f.Add(key, key+key[1:], []byte("redact"), key[:1]+key)
		f.Add(key, strings.Repeat(key, 30), []byte{3}, strings.Repeat(key, 30))
	}
	f.Add("test", "la", []byte(nil), "ing")
	f.Fuzz(func(t *testing.T, key, before string, how []byte, after string) {
		if strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) || len(key) == 0 || len(key) > 64 {
			t.Skip("not a key")
		}
		echo := escape(key, how)
		text := before + echo + after
		r := redact.New(key)
		if mark := "[redacted]"; !strings.Contains(mark, key) { // which is left in the text
			for _, out := range []string{
				r.Text(text), string(r.Bytes([]byte(text))), r.Text(r.Text(text)),
				r.Err(fmt.Errorf("x: %w", fmt.Errorf("%s", text))).Error(),
			} {
				if len(key) >= 8 {
					lacks(t, key, echo, out)
				}
			}
			if r.Quotes([]byte(r.Text(text))) && len(key) >= 8 {
				t.Errorf("what is left still quotes the key %q: %q", key, r.Text(text))
			}
		}
		// A long key may end in what looks like the beginning of an escape: then the rest of
		// the escape is left over.
		exact := len(key) < 8 || !strings.ContainsAny(key, `\%&~`)
		if got, want := r.Text(" "+echo+" "), " [redacted] "; exact && got != want {
			t.Errorf("the key %q as a word is %q: %q", key, echo, got)
		}
		if word := r.Text(text); len(key) < 8 && !r.Quotes([]byte(text)) && word != text {
			t.Errorf("the text %q does not quote the key %q, and became %q", text, key, word)
		}
	})
}

// lacks fails if a text has the key in it, as it is or escaped.
func lacks(t *testing.T, key, echo, text string) {
	t.Helper()
	if strings.Contains(text, key) || strings.Contains(text, echo) {
		t.Errorf("the key %q, written as %q, is in %q", key, echo, text)
	}
	if !strings.ContainsAny(key, `\%&~`) && strings.Contains(unescape(text), key) {
		t.Errorf("the key %q is in %q when it is unescaped", key, text)
	}
}
