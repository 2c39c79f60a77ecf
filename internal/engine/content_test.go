package engine_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

// zipped is a text as gzip data.
func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

// content is a body as it was sent, and as the caller gets it.
type content struct {
	body    string
	headers []string
	want    string
	words   string // of why it is unreadable
}

func contents(t testing.TB) map[string]content {
	t.Helper()
	const text = `{"contact":{"first_name":"José"}}`
	latin1 := strings.ReplaceAll(text, "é", "\xe9")
	zip := zipped(t, latin1)
	return map[string]content{
		"nothing declared":   {body: text, want: text},
		"not UTF-8":          {body: latin1, want: latin1},
		"ISO-8859-1":         {latin1, []string{"Content-Type", "application/json; charset=ISO-8859-1"}, text, ""},
		"mark":               {"\ufeff" + text, nil, text, ""},
		"mark, declared":     {"\ufeff" + text, []string{"Content-Type", "application/json; charset=utf-8"}, text, ""},
		"UTF-16":             {"\xff\xfe{\x00}\x00", nil, "{}", ""},
		"unknown charset":    {latin1, []string{"Content-Type", "text/plain; charset=x-klingon"}, "", `"x-klingon"`},
		"known, not needed":  {text, []string{"Content-Type", "text/plain; charset=x-klingon"}, text, ""},
		"not of the charset": {`"` + "\xff" + `"`, []string{"Content-Type", "text/plain; charset=EUC-KR"}, "", "not valid EUC-KR"},

		"identity":            {body: text, headers: []string{"Content-Encoding", "identity"}, want: text},
		"charset as encoding": {body: text, headers: []string{"Content-Encoding", "UTF-8"}, want: text},
		"gzip": {
			zip, []string{"Content-Encoding", "GZip", "Content-Type", "text/plain; charset=latin1"}, text, "",
		},
		"gzip twice":   {zipped(t, zipped(t, text)), []string{"Content-Encoding", "gzip, x-gzip"}, text, ""},
		"no gzip":      {text, []string{"Content-Encoding", "gzip"}, "", "the body is not gzip data"},
		"corrupt":      {zip[:20] + "\xff\xff" + zip[22:], []string{"Content-Encoding", "gzip"}, "", "gzip data of the body is corrupt"},
		"checksum":     {zip[:len(zip)-8] + "12345678", []string{"Content-Encoding", "gzip"}, "", "gzip data of the body is corrupt"},
		"brotli":       {"\x0b\x02\x80{}\x03", []string{"Content-Encoding", "br"}, "", `Content-Encoding "br", which the request did not ask for`},
		"first gzip":   {zip, []string{"Content-Encoding", "gzip, zstd"}, "", `"zstd"`},
		"nothing":      {"", []string{"Content-Encoding", "br"}, "", ""},
		"no gzip data": {"", []string{"Content-Encoding", "gzip"}, "", ""},
	}
}

// TestContent: a body is decoded as its headers say. One that cannot be decoded has arrived,
// so it is not asked for again, and its status stays.
func TestContent(t *testing.T) {
	t.Parallel()
	for name, tt := range contents(t) {
		for _, status := range []int{200, 422} {
			s := always(func(*http.Request) (*http.Response, error) { return reply(status, tt.body, tt.headers...), nil })
			out := newEngine(t, s).Do(t.Context(), call)
			if out.Err != nil || s.n.Load() != 1 || out.Response.Status != status {
				t.Errorf("%s: %v after %d requests", name, out.Err, s.n.Load())
				continue
			}
			why := ""
			if out.Response.Unreadable != nil {
				why = out.Response.Unreadable.Error()
			}
			if string(out.Response.Body) != tt.want || (why == "") != (tt.words == "") || !strings.Contains(why, tt.words) {
				t.Errorf("%s: %q, %s", name, out.Response.Body, why)
			}
			out.Response.Release()
		}
	}
}

// TestStreamedContent: the same, as it arrives. The text before what cannot be decoded is
// there.
func TestStreamedContent(t *testing.T) {
	t.Parallel()
	for name, tt := range contents(t) {
		s := always(func(*http.Request) (*http.Response, error) { return reply(200, tt.body, tt.headers...), nil })
		spec, all, readErr := call, "", error(nil)
		var body *engine.Body
		spec.Stream = func(b *engine.Body) error {
			text, err := io.ReadAll(b)
			body, all, readErr = b, string(text), err
			return b.Err()
		}
		out := newEngine(t, s).Do(t.Context(), spec)
		if out.Err != nil || s.n.Load() != 1 {
			t.Errorf("%s: %v after %d requests", name, out.Err, s.n.Load())
			continue
		}
		body.Close()
		if tt.words == "" && (readErr != nil || all != tt.want || out.Response.Unreadable != nil) {
			t.Errorf("%s: %q, %v, %v", name, all, readErr, out.Response.Unreadable)
		}
		if tt.words != "" && (out.Response.Unreadable == nil || readErr != out.Response.Unreadable || !strings.Contains(readErr.Error(), tt.words)) {
			t.Errorf("%s: %q, %v, %v", name, all, readErr, out.Response.Unreadable)
		}
	}
}

// TestCutGzip: gzip data that ends early did not arrive, so it is asked for again.
func TestCutGzip(t *testing.T) {
	t.Parallel()
	zip := zipped(t, strings.Repeat("{}", 1000))
	s := &script{respond: func(n int, _ *http.Request) (*http.Response, error) {
		return reply(200, zip[:min(len(zip), n*len(zip)/2)], "Content-Encoding", "gzip"), nil
	}}
	out := newEngine(t, s, atOnce).Do(t.Context(), call)
	if out.Err != nil || s.n.Load() != 2 || len(out.Response.Body) != 2000 {
		t.Errorf("%+v after %d requests", out, s.n.Load())
	}
}
