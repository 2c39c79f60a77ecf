package charset_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/growthgenius/growthgenius-go/internal/charset"
)

func TestDeclared(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                                     "",
		"application/json":                     "",
		"application/json; charset=utf-8":      "",
		"application/json;charset=\"UTF-8\"":   "",
		"text/plain; charset=US-ASCII":         "",
		"application/json; charset=utf_8":      "",
		"application/json; charset=UTF 8":      "",
		"application/json; charset=utf8mb4":    "",
		`application/json; charset=\"utf-8\"`:  "",
		"charset=ISO-8859-1":                   "", // that is not a parameter
		"application/json; charset=ISO-8859-1": "ISO-8859-1",
		"application/json ; a=b ;\tCharset = 'latin1' ; charset=utf-8;":  "latin1",
		"application/json;;charset=\"windows-1252\"; charset=ISO-8859-1": "windows-1252",
	} {
		if got := charset.Declared(header); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

// read reads a text in a charset, in pieces of every size.
func read(t *testing.T, text, label string) (string, error) {
	t.Helper()
	got, err := io.ReadAll(charset.NewReader(strings.NewReader(text), label))
	for name, from := range map[string]io.Reader{
		"bytes":        iotest.OneByteReader(strings.NewReader(text)),
		"halves":       iotest.HalfReader(strings.NewReader(text)),
		"with the end": iotest.DataErrReader(strings.NewReader(text)),
	} {
		again, err2 := io.ReadAll(charset.NewReader(from, label))
		if !bytes.Equal(again, got) || (err == nil) != (err2 == nil) {
			t.Errorf("%q in %s, by %s: %q, %v, and %q, %v in one piece", text, label, name, again, err2, got, err)
		}
	}
	return string(got), err
}

func TestNewReader(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(`{"name":"José"},`, 1000)
	inLatin1 := strings.ReplaceAll(long, "é", "\xe9")
	for _, tt := range []struct{ text, label, want string }{
		{"", "", ""},
		{"{}", "", "{}"},
		{long, "", long},
		{"\xef\xbb\xbf{}", "", "{}"},
		{"\xef\xbb\xbf", "", ""},
		{"\xef\xbb\xbf\"é\"", "ISO-8859-1", `"é"`}, // the mark is more certain
		{"\"Jos\xe9\"", "", "\"Jos\xe9\""},         // not declared: as it is
		{"\"Jos\xe9\"", "unicode-1-1-utf-8", "\"Jos\xe9\""},

		{"\"Jos\xe9\"", "ISO-8859-1", `"José"`},
		{"\"Jos\xe9 \x80 \x81\"", "latin1", "\"José € \u0081\""},
		{"\"\x93Jos\xe9\x94\"", "Windows-1252", `"“José”"`},
		{"\"\xa4\"", "ISO-8859-15", `"€"`},
		{inLatin1, "iso-8859-1", long},
		{"\"\xcd\xe0\xe4\xff\"", "windows-1251", `"Надя"`},
		{"\"\xb1\"", "ISO-8859-2", `"ą"`},
		{"\"\x93\xfa\x96{\"", "Shift_JIS", `"日本"`}, // with the brace of ASCII
		{"\"\xc6\xfc\xcb\xdc\"", "EUC-JP", `"日本"`},
		{"\"\xc4\xa3\"", "GBK", `"模"`}, // which is valid UTF-8
		{"\"\x81\x30\x84\x36\"", "GB18030", `"¥"`},
		{"\"\xb1\xe8\"", "EUC-KR", `"김"`},

		{"\"José\"", "ISO-8859-1", `"José"`}, // not what was declared
		{long, "ISO-8859-1", long},
		{"\"" + strings.Repeat("é", 1000), "ISO-8859-1", "\"" + strings.Repeat("é", 1000)}, // the sample ends within a character
		{"\"é" + strings.Repeat("x", 1100) + "\xe9", "latin1", "\"é" + strings.Repeat("x", 1100) + "\xe9"},
		{"\"Ã\xa0 la carte\xe9\"", "ISO-8859-1", "\"Ãƒ\u00a0 la carteé\""},
		{"\"José\"", "x-klingon", `"José"`},
		{long, "x-klingon", long},

		{"\xfe\xff\x00{\x00}", "", "{}"},
		{"\xff\xfe{\x00}\x00", "UTF-16", "{}"},
		{"\x00\"\x00\xe9\x00\"", "utf-16be", `"é"`},
		{"\"\x00\xe9\x00\"\x00", "UTF-16", `"é"`},
		{"\xff\xfe\"\x00=\xd8B\xde\"\x00", "utf-8", `"🙂"`},
		{"\xef\xbb", "", "\xef\xbb"},
	} {
		got, err := read(t, tt.text, tt.label)
		if err != nil || got != tt.want {
			t.Errorf("%.40q in %q: %.60q, %v, want %.60q", tt.text, tt.label, got, err, tt.want)
		}
	}
}

// TestMisspelled: a name that is not the registered one, as servers write it, means the same.
func TestMisspelled(t *testing.T) {
	t.Parallel()
	for name, labels := range map[string][]string{
		"latin1":       {"Latin-1", "latin_1", "iso_8859_1", "ISO8859-1", "iso 8859-1", "windows1252", "Windows_1252", "win-1252", "CP-1252"},
		"iso-8859-15":  {"Latin-9", "latin9", "ISO8859_15"},
		"windows-1251": {"WIN1251", "windows1251", "codepage 1251"},
		"cp850":        {"IBM850", "ibm-850", "DOS-850"},
		"utf-16le":     {"utf16le", "UTF_16_LE"},
		"Shift_JIS":    {"shift-jis", "cp932", "Windows-31J"},
	} {
		const text = "\"\x93\xfa\" \x00"
		want, err := read(t, text, name)
		for _, label := range labels {
			if got, err2 := read(t, text, label); got != want || err != nil || err2 != nil {
				t.Errorf("%s: %q, %v, want %q, %v as in %s", label, got, err2, want, err, name)
			}
		}
	}
	for _, label := range []string{"x-klingon-1252", "klingon1252", "1252", "", "cp", "latin", "iso-2022-kr"} {
		if _, err := read(t, "\xe9", label); (err == nil) != (label == "") {
			t.Errorf("%q is known: %v", label, err)
		}
	}
}

// TestNothingIsReplaced: what cannot be converted is an error that says why.
func TestNothingIsReplaced(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, label, want, words string }{
		{"\"Jos\xe9\"", "x-klingon", `"Jos`, `names the charset "x-klingon", which is not known, and the text is not UTF-8 (byte 0xe9 after 4 bytes)`},
		{strings.Repeat("é", 9000) + "\xe9", "x\n", strings.Repeat("é", 9000), `"x\n"`},
		{"\"Jos\xe9", "iso-2022-kr", `"Jos`, `"iso-2022-kr", which is not known`},
		{"\"\x93\xfa\x96\"", "Shift_JIS", `"日`, "not valid Shift_JIS, after 4 bytes"},
		{"\"\xfe\xff\"", "EUC-KR", `"`, "not valid EUC-KR"},
		{strings.Repeat("\xc6\xfc", 9000) + "\xff", "EUC-JP", strings.Repeat("日", 9000), "after 27000 bytes"},
		{"\xff\xfe\"\x00=\xd8\"\x00", "", `"`, "not valid UTF-16, after 1 bytes"},
	} {
		got, err := read(t, tt.text, tt.label)
		if _, ok := errors.AsType[*charset.Error](err); !ok || !strings.Contains(err.Error(), tt.words) || got != tt.want {
			t.Errorf("%.40q in %q: %.60q, %v, want %.60q and %q", tt.text, tt.label, got, err, tt.want, tt.words)
		}
	}
}

// TestErrorsPass: an error of the body stays what it is, after the text that came before.
func TestErrorsPass(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset")
	for _, text := range []string{"", "{", `{"name":"José`} {
		for _, label := range []string{"", "iso-8859-1", "Shift_JIS", "x-klingon"} {
			from := io.MultiReader(strings.NewReader(text), iotest.ErrReader(reset))
			got, err := io.ReadAll(charset.NewReader(from, label))
			if err != reset || !strings.HasPrefix(text, string(got)) && label != "Shift_JIS" {
				t.Errorf("%q in %q: %q, %v", text, label, got, err)
			}
		}
	}
}

func TestIsMarked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "{}": false, "\xef\xbb\xbf": true, "\xef\xbb": false, "\xfe\xff": true, "\xff\xfe": true,
		"\xff": false,
	} {
		if got := charset.IsMarked([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// FuzzNewReader: a text in any charset is converted without a loss, or is an error, however
// it arrives.
func FuzzNewReader(f *testing.F) {
	f.Add("José 日本", "ISO-8859-1", false)
	f.Add("Надя", "KOI8-R", true)
	f.Add("日本", "Shift_JIS", true)
	f.Add("🙂", "utf-16be", true)
	f.Add("\xe9", "x-klingon", false)
	f.Fuzz(func(t *testing.T, text, label string, encode bool) {
		want := ""
		if known, err := htmlindex.Get(label); encode && err == nil {
			encoded, err := known.NewEncoder().String(text)
			back, err2 := known.NewDecoder().String(encoded)
			if err == nil && err2 == nil && back == text {
				text, want = encoded, text
			}
		}
		got, err := read(t, text, label)
		if strings.Contains(got, "\ufffd") && !strings.Contains(text, "\ufffd") {
			t.Errorf("%q in %q: %q has a replacement", text, label, got)
		}
		exact := want != "" && !charset.IsMarked([]byte(text)) && !strings.Contains(want, "\ufffd")
		name, _ := htmlindex.Get(label)
		if western := map[string]bool{"windows-1252": true, "iso-8859-15": true}; exact && name != nil {
			canonical, _ := htmlindex.Name(name)
			if !western[canonical] && (err != nil || got != want) {
				t.Errorf("%q in %q: %q, %v, want %q", text, label, got, err, want)
			}
		}
	})
}
