package redact_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/growthgenius/growthgenius-go/internal/redact"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                   "",
		"a\nb\tc\u0085d\v\f": "a b c d  ",
		"a\r\u2028\u00a0b":   "a   b",
		"\x00\x1b[31m\x7f":   "\ufffd\ufffd[31m\ufffd",
		"\u202eevil\ufeff":   "\ufffdevil\ufffd",
		"\xff\xfe":           "\ufffd\ufffd",
		"Zoë, 密钥 and 🙂 <b>&": "Zoë, 密钥 and 🙂 <b>&",
	} {
		if got := redact.Printable(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"abc", 0, "…"},
		{"aéb", 2, "a…"}, // in the middle of a character
		{"aéb", 3, "aé…"},
		{"🙂🙂", 7, "🙂…"},
		{"🙂", 3, "…"},
	} {
		if got := redact.Clip(tt.text, tt.n); got != tt.want {
			t.Errorf("%q to %d bytes: %q, want %q", tt.text, tt.n, got, tt.want)
		}
	}
}

func TestFirstWords(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                         "",
		" two\n\n lines\t ":        "two lines",
		"\x00bell\a":               "\ufffdbell\ufffd",
		strings.Repeat("x", 200):   strings.Repeat("x", 200),
		strings.Repeat("x", 201):   strings.Repeat("x", 200) + "…",
		strings.Repeat(" ", 5000):  "",
		strings.Repeat("é", 5000):  strings.Repeat("é", 100) + "…",
		strings.Repeat("a ", 5000): strings.Repeat("a ", 100) + "…",
	} {
		got := redact.FirstWords([]byte(body))
		if got != want {
			t.Errorf("%.20q became %q, want %q", body, got, want)
		}
		if len(got) > redact.MaxFirstWords+len("…") || !utf8.ValidString(got) {
			t.Errorf("%.20q became %d bytes", body, len(got))
		}
	}
}

func TestPlainText(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                    "",
		"a < b > c":           "a < b > c", // not a page
		"<b>bold</b>":         "<b>bold</b>",
		"<html>a<br>b</html>": " a b ",
		"<!DOCTYPE html><HTML><title>502</title>": "   502 ",
		"<html><script>if (a<b) {}</SCRIPT>text":  "  text",
		"<html><STYLE>p > a {}</style>text":       "  text",
		"<html>text<script>never ends":            " text ",
		"<html>text<p":                            " text ",
		"<html>\u212aelvin":                       " \u212aelvin", // lower case is shorter
	} {
		if got := redact.PlainText([]byte(body)); string(got) != want {
			t.Errorf("%q became %q, want %q", body, got, want)
		}
	}
}
