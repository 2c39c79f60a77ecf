package wire_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

func TestID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		id   wire.ID
		out  string
		isNo bool // not a number
	}{
		{"12", "12", "12", false},
		{"0", "0", "0", false},
		{"9223372036854775807", "9223372036854775807", "9223372036854775807", false},
		{"9223372036854775808", "9223372036854775808", `"9223372036854775808"`, true},
		{`"12"`, "12", "12", false},
		{`"007"`, "007", `"007"`, true},
		{"-5", "-5", `"-5"`, true},
		{"1.0", "1", "1", false},
		{"1e3", "1000", "1000", false},
		{"1102755.0", "1102755", "1102755", false},
		{"1.102755E+6", "1102755", "1102755", false},
		{"110275500e-2", "1102755", "1102755", false},
		{"0.0", "0", "0", false},
		{"9007199254740993.0", "9007199254740993", "9007199254740993", false},
		{"9.223372036854775807e18", "9223372036854775807", "9223372036854775807", false},
		{"9223372036854775808.0", "9223372036854775808.0", `"9223372036854775808.0"`, true},
		{"1e30", "1e30", `"1e30"`, true},
		{"1e99999999999", "1e99999999999", `"1e99999999999"`, true},
		{"1e32767", "1e32767", `"1e32767"`, true},
		{"1e-32768", "1e-32768", `"1e-32768"`, true},
		{"1.5", "1.5", `"1.5"`, true},
		{"4.9999999999999999999", "4.9999999999999999999", `"4.9999999999999999999"`, true},
		{"-5.0", "-5", `"-5"`, true},
		{"-0.0", "-0.0", `"-0.0"`, true},
		{`"1.0"`, "1.0", `"1.0"`, true},
		{`"d54c54ad-40be"`, "d54c54ad-40be", `"d54c54ad-40be"`, true},
		{`"a\"\u0062"`, `a"b`, `"a\"b"`, true},
		{"null", "", "null", true},
		{`""`, "", "null", true},
		{`"+5"`, "+5", `"+5"`, true},
	} {
		id := wire.ID("former")
		if err := id.UnmarshalJSON([]byte(tt.in)); err != nil || id != tt.id {
			t.Errorf("%s is read as %q, %v", tt.in, id, err)
		}
		if out, err := id.MarshalJSON(); err != nil || string(out) != tt.out {
			t.Errorf("%q is written as %s, %v; want %s", id, out, err, tt.out)
		}
		n, ok := id.Number()
		if ok == tt.isNo || ok && strconv.FormatInt(n, 10) != string(id) {
			t.Errorf("%q is the number %d, %t", id, n, ok)
		}
	}
	for data, want := range map[string]string{
		"{}": "growthgenius: an id is a number or text, not an object", "true": "growthgenius: an id is a number or text, not a boolean",
		"": "growthgenius: an id is a number or text, not no JSON",
	} {
		id := wire.ID("former")
		if err := id.UnmarshalJSON([]byte(data)); err == nil || err.Error() != want || id != "former" {
			t.Errorf("%q: %q, %v", data, id, err)
		}
	}
}

// TestUnmarshalersTakeAnything: called directly, with what no JSON library passes on.
func TestUnmarshalersTakeAnything(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", " ", `"`, `"a`, `{`, `{"id`, `{"id":`, `[`, "nul", "5x", "\x00", `{"id":1}{}`, "\xef\xbb\xbf{}"} {
		for _, v := range []json.Unmarshaler{new(wire.ID), new(Contact), new(Company), new(Page), new(Input)} {
			_ = v.UnmarshalJSON(bytes.Clone([]byte(data))) // it must not panic
		}
	}
}

// FuzzID: an id survives its JSON, and what is read of JSON is written back.
func FuzzID(f *testing.F) {
	for _, id := range []string{
		"", "0", "5", "007", "-1", "9223372036854775808", "d54c54ad-40be-4305-8a34-0ab44710b90d", `a"\b`, "\u2028", "1e3", "\xff",
	} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id := wire.ID(text)
		if !utf8.ValidString(text) {
			return // JSON cannot carry it
		}
		if back := mustDecode[wire.ID](t, sameBytes(t, id)); back != id {
			t.Fatalf("%q becomes %q", id, back)
		}
		if n, ok := id.Number(); ok && strconv.FormatInt(n, 10) != text {
			t.Fatalf("%q is %d", id, n)
		}
		var read wire.ID
		if err := read.UnmarshalJSON([]byte(text)); err == nil && json.Valid([]byte(text)) {
			if back := mustDecode[wire.ID](t, mustJSON(t, read)); back != read {
				t.Fatalf("%q is read %q and becomes %q", text, read, back)
			}
		}
	})
}
