package redact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// longKey has every character that some encoding escapes.
const longKey = `gg/SECRET+key&<5>"%41'\=end`

// echoes are the ways in which a server writes back the key that it was sent.
func echoes(key string) map[string]string {
	quoted, _ := json.Marshal(key)
	inJSON := string(quoted[1 : len(quoted)-1])
	twice, _ := json.Marshal(string(quoted))
	var escaped, hex, decimal strings.Builder
	for _, c := range []byte(key) {
		fmt.Fprintf(&escaped, `\u%04X`, c)
		fmt.Fprintf(&hex, `&#x%02x;`, c)
		fmt.Fprintf(&decimal, `&#%03d;`, c)
	}
	names := strings.NewReplacer("&", "&amp;", `"`, "&quot;", "'", "&apos;", "<", "&lt;", ">", "&gt;")
	return map[string]string{
		"raw":             key,
		"JSON":            inJSON,
		"JSON in JSON":    string(twice[3 : len(twice)-3]),
		"PHP's JSON":      strings.ReplaceAll(inJSON, "/", `\/`),
		"every letter":    escaped.String(),
		"query":           url.QueryEscape(key),
		"path":            url.PathEscape(key),
		"query twice":     url.QueryEscape(url.QueryEscape(key)),
		"HTML":            html.EscapeString(key),
		"HTML by name":    names.Replace(key),
		"HTML in hex":     hex.String(),
		"HTML in decimal": decimal.String(),
		"JSON pointer":    strings.NewReplacer("~", "~0", "/", "~1").Replace(key),
	}
}

func TestTextWithALongKey(t *testing.T) {
	t.Parallel()
	r := redact.New(longKey)
	for name, echo := range echoes(longKey) {
		for _, around := range [][2]string{{"", ""}, {"the key ", " is bad"}, {"la", "ing"}, {`\n`, "7"}} {
			want := around[0] + "[redacted]" + around[1]
			if got := r.Text(around[0] + echo + around[1]); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if want, got := "[redacted][redacted], [redacted]", r.Text(echo+echo+", "+echo); got != want {
			t.Errorf("%s, more than once: %q", name, got)
		}
	}
	for _, text := range []string{
		"", "the latest", longKey[1:], longKey[:len(longKey)-1], strings.ToUpper(longKey),
		url.QueryEscape(longKey)[1:], `\u0067g/SECRET`,
	} {
		if got := r.Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestTextWithAShortKey: a key of less than eight characters may be part of a word that
// has nothing to do with it.
func TestTextWithAShortKey(t *testing.T) {
	t.Parallel()
	r := redact.New("test")
	for text, want := range map[string]string{
		// A key that is a whole word.
		"test":                           "X",
		"Authorization: test":            "Authorization: X",
		"Authorization: test\r\n":        "Authorization: X\r\n",
		`"test"`:                         `"X"`,
		`{"key":"test","a":["test"]}`:    `{"key":"X","a":["X"]}`,
		"key=test&a=b":                   "key=X&a=b",
		"Authorization%3Atest%2C":        "Authorization%3AX%2C",
		"Authorization%3A%20test%0D%0A":  "Authorization%3A%20X%0D%0A",
		"%22test%22 %2522test%2522":      "%22X%22 %2522X%2522",
		"a+test+b":                       "a+X+b",
		"user:test@example.com":          "user:X@example.com",
		"/v1/test/contacts":              "/v1/X/contacts",
		"my_test, my-test.":              "my_X, my-X.",
		"map[Authorization:[test]]":      "map[Authorization:[X]]",
		"<td>test</td>":                  "<td>X</td>",
		"&lt;test&gt; &quot;test&quot;":  "&lt;X&gt; &quot;X&quot;",
		"&#34;test&#x22; &nbsp;test":     "&#34;X&#x22; &nbsp;X",
		"test;test test":                 "X;X X",
		`a\ntest\nb \"test\" \\ttest`:    `a\nX\nb \"X\" \\tX`,
		`\u0022test\u0022 \\u000atest`:   `\u0022X\u0022 \\u000aX`,
		`\x1btest\x00`:                   `\x1bX\x00`,
		"a~1test~1b ~0test":              "a~1X~1b ~0X",
		"“test”, %E2%80%9Ctest%E2%80%9D": "“X”, %E2%80%9CX%E2%80%9D",
		`\u201ctest\u201d`:               `\u201cX\u201d`,
		"密钥test无效, testは":                "密钥X无效, Xは",
		"\xfftest\xff":                   "\xffX\xff",
		"&test; test&":                   "&X; X&",
		`\test\`:                         `X\`,
		"%C3%AAtest%C3%AA":               "%C3%AAX%C3%AA", // bytes of characters beyond ASCII
		"%25252525252525252520test":      "%25252525252525252520X",
		"test%25252525252525252561":      "X%25252525252525252561",
		"%test%q &;test %Gtest":          "%X%q &;X %Gtest",
		// Another word.
		"the latest failed: contest@example.com": "the latest failed: contest@example.com",
		"testing, tests, 1test, test2":           "testing, tests, 1test, test2",
		"Test, TEST":                             "Test, TEST",
		"testé, étest, ｔtest":                    "testé, étest, ｔtest",
		"con%74test %2561test test%69ng":         "con%74test %2561test test%69ng",
		`\u0061test \\u0061test test\u0069`:      `\u0061test \\u0061test test\u0069`,
		`\u00e9test test\u00e9`:                  `\u00e9test test\u00e9`,
		`\x61test test\x61`:                      `\x61test test\x61`,
		"&#97;test &eacute;test test&#x61;":      "&#97;test &eacute;test test&#x61;",
		"te st, tes, est":                        "te st, tes, est",
		"c%6Fn%74est":                            "c%6Fn%74est",
		// Both, side by side.
		"testtest test":  "testtest X",
		"latest test":    "latest X",
		"test, the test": "X, the X",
	} {
		if got := r.Text(text); got != strings.ReplaceAll(want, "X", "[redacted]") {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// TestShortKeysInEscapes: a whole word is found in any escape of the key, whatever its
// characters are.
func TestShortKeysInEscapes(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"a", "test", "5", "a%", "%a", `b\`, "&", "c&", "~d~", `"e"`, "/f/", "n", "nul", "25", "aa", "-a-a-"} {
		r := redact.New(key)
		for name, echo := range echoes(key) {
			for _, around := range [][2]string{{"", ""}, {": ", ", "}, {`\n`, ` `}, {"%20", "%20"}, {"&quot;", "&quot;"}, {`{"`, `"}`}} {
				want := around[0] + "[redacted]" + around[1]
				if got := r.Text(around[0] + echo + around[1]); got != want {
					t.Errorf("%q, %s: %q, want %q", key, name, got, want)
				}
			}
		}
	}
}

// TestOverlappingKeys: where one echo is part of a word, another may begin in the middle
// of it.
func TestOverlappingKeys(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"xa-a-a": "xa-[redacted]", "a-a-ax": "[redacted]-ax", "xa-a-ax": "xa-a-ax", "xa%2Da-a": "xa%2D[redacted]",
	} {
		if got := redact.New("a-a").Text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// TestEightCharacters: from there on, the key is redacted in the middle of a word too.
func TestEightCharacters(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"sevenab": "xsevenabx", "eightabc": "x[redacted]x"} {
		if got := redact.New(key).Text("x" + key + "x"); got != want {
			t.Errorf("%s: %q", key, got)
		}
	}
}

func TestNoKey(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]redact.Redactor{"zero": {}, "empty": redact.New("")} {
		err := errors.New("test")
		if r.Text("a\\b") != "a\\b" || string(r.Bytes([]byte("a"))) != "a" || r.Quotes([]byte("a")) ||
			r.Err(err) != err || r.Room() != 1 {
			t.Errorf("%s: a Redactor without a key changes what it is given", name)
		}
	}
}

// TestBytes: the key is not in what is left, wherever in the body it is, and at least
// MaxBody bytes are left of a body that has them.
func TestBytes(t *testing.T) {
	t.Parallel()
	r := redact.New(longKey)
	kept := redact.MaxBody + r.Room() // of a body that is longer
	step := 37
	if testing.Short() {
		step *= 10
	}
	for name, echo := range echoes(longKey) {
		for begin := redact.MaxBody - len(echo) - 5; begin <= kept; begin += step {
			body := strings.Repeat("x", begin) + echo + strings.Repeat("y", kept)
			got := r.Bytes([]byte(body)[:kept])
			if len(got) < redact.MaxBody {
				t.Fatalf("%s at %d: %d bytes are left", name, begin, len(got))
			}
			left := strings.TrimLeft(string(got), "x")
			if mark := "[redacted]"; !strings.HasPrefix(mark+strings.Repeat("y", kept), left) {
				t.Fatalf("%s at %d: %q is left", name, begin, left)
			}
		}
	}
	short := []byte("nothing to hide")
	if got := r.Bytes(short); !bytes.Equal(got, short) || &got[0] != &short[0] {
		t.Errorf("a body without the key became %q, or was copied", got)
	}
}

func TestQuotes(t *testing.T) {
	t.Parallel()
	r := redact.New(longKey)
	for name, echo := range echoes(longKey) {
		if !r.Quotes([]byte(`{"name":"` + echo + `"}`)) {
			t.Errorf("%s: not noticed", name)
		}
	}
	if r.Quotes(nil) || r.Quotes([]byte(`a\b`)) || r.Quotes([]byte(longKey[1:])) {
		t.Error("noticed a key that is not there")
	}
	if short := redact.New("test"); short.Quotes([]byte("latest")) || !short.Quotes([]byte("latest: test")) {
		t.Error("a short key is not noticed as a whole word, or as a part of one")
	}
}

// hiding is an error that shows less than it knows.
type hiding struct{ cause error }

func (hiding) Error() string   { return "no connection" }
func (h hiding) Unwrap() error { return h.cause }

// secretive has the key in a field that Error does not show.
type secretive struct{ key string }

func (*secretive) Error() string { return "no connection" }

// TestErr: proxies and tracers put the request into their errors.
func TestErr(t *testing.T) {
	t.Parallel()
	r := redact.New(longKey)
	secret := errors.New(longKey)
	for name, err := range map[string]error{
		"plain":         fmt.Errorf("cannot send %v", map[string][]string{"Authorization": {longKey}}),
		"wrapped":       fmt.Errorf("proxy: %w", secret),
		"joined":        errors.Join(errors.New("a"), secret),
		"hidden":        hiding{secret},
		"hidden 2":      fmt.Errorf("x: %w", &hiding{&url.Error{Op: "a", URL: longKey, Err: errors.New("b")}}),
		"hidden 3":      errors.Join(errors.New("a"), hiding{errors.Join(errors.New("b"), secret)}),
		"escaped":       errors.New(url.QueryEscape(longKey)),
		"field":         &secretive{longKey},
		"wrapped field": fmt.Errorf("x: %w", &secretive{longKey}),
	} {
		got := r.Err(err)
		if got == nil || r.Quotes(fmt.Appendf(nil, "%v %+v %#v", got, got, got)) {
			t.Errorf("%s: %#v", name, got)
		}
		if want := redact.Printable(r.Text(err.Error())); got.Error() != want {
			t.Errorf("%s: the text is %q, want %q", name, got, want)
		}
		if errors.Unwrap(got) != nil || errors.Is(got, secret) {
			t.Errorf("%s: the cause is still there", name)
		}
	}
	for name, err := range map[string]error{
		"nil": nil, "plain": errors.New(`cannot send to C:\`), "wrapped": hiding{errors.Join(errors.New("a"), nil)},
		"no cause": hiding{},
	} {
		if got := r.Err(err); got != err {
			t.Errorf("%s: %v became %v", name, err, got)
		}
	}
	short := redact.New("test")
	contest := errors.New("contest")
	if got := short.Err(contest); got != contest {
		t.Errorf("%v became %v", contest, got)
	}
	if got := short.Err(errors.New("the key test")); got.Error() != "the key [redacted]" {
		t.Errorf("a short key: %v", got)
	}
}

// TestErrIsOneLine: an error of a proxy or a transport cannot begin a line of a log, and stays
// what it is.
func TestErrIsOneLine(t *testing.T) {
	t.Parallel()
	cause := &secretive{"the cause"}
	err := fmt.Errorf("proxy: no\r\nlevel=INFO msg=forged \x1b[31m\u2028: %w", cause)
	got := redact.New(longKey).Err(err)
	if want := "proxy: no  level=INFO msg=forged \ufffd[31m : no connection"; got.Error() != want {
		t.Errorf("%q, want %q", got, want)
	}
	if same, ok := errors.AsType[*secretive](got); !ok || same != cause {
		t.Errorf("%#v lost its cause", got)
	}
}

// TestHeader: only the values that quote the key are replaced, in a copy.
func TestHeader(t *testing.T) {
	t.Parallel()
	r := redact.New(longKey)
	h := http.Header{"A": {"x", "Bearer " + longKey, longKey}, "B": {longKey}, "C": {"y"}}
	want := http.Header{"A": {"x", "Bearer [redacted]", "[redacted]"}, "B": {"[redacted]"}, "C": {"y"}}
	if got := r.Header(h); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v", got)
	}
	if h.Get("B") != longKey || len(h["A"]) != 3 || h["A"][2] != longKey {
		t.Errorf("the header itself became %v", h)
	}
	plain := http.Header{"C": {"y"}}
	if got := r.Header(plain); len(got) != 1 || &got["C"][0] != &plain["C"][0] {
		t.Errorf("%v", got)
	}
}

// TestRedactorIsNotPrinted: it is part of values that programs may print.
func TestRedactorIsNotPrinted(t *testing.T) {
	t.Parallel()
	r := redact.New(longKey)
	r.Text(longKey) // the pattern is there
	if text := fmt.Sprintf("%v %+v %#v", r, r, r); strings.Contains(text, "SECRET") {
		t.Errorf("printed as %s", text)
	}
}

// TestHostileTexts: the time that redacting takes grows with the text, and not with its
// square.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it measures how long it takes")
	}
	const small, times = 16 << 10, 6
	for _, key := range []string{"t", `\\\`, "252525", "aaaaaa"} {
		r := redact.New(key)
		for _, part := range []string{key + "x", `\`, "25"} {
			takes := func(size int) time.Duration {
				text := "x" + strings.Repeat(part, size/len(part)) + key + "x"
				begun := time.Now()
				r.Text(text)
				return time.Since(begun)
			}
			grows := func() bool { return takes(times*small) > times*times/2*takes(small) }
			tries := 1
			for ; tries < 4 && grows(); tries++ { // what else the machine does counts too
			}
			if tries == 4 {
				t.Errorf("the key %q in %q repeated: %d times the text takes over %d times as long",
					key, part, times, times*times/2)
			}
		}
	}
}
