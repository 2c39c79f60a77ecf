package engine_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

// TestIsPage: HTML and XML are pages, and so is what begins like them.
func TestIsPage(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"<html>": true, " \r\n<!doctype html>": true, "<?xml": true, "": false, "{}": false, `"<"`: false, "502 <b>": false,
	} {
		if r := (engine.Response{Body: []byte(body)}); r.IsPage() != want {
			t.Errorf("%q is a page: %t", body, !want)
		}
	}
}

// TestRequestID: it comes from the usual headers, in this order, if it is short and without
// what could garble a terminal.
func TestRequestID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header http.Header
		want   string
	}{
		{http.Header{}, ""},
		{http.Header{"X-Request-Id": {"a"}, "X-Correlation-Id": {"b"}, "Request-Id": {"c"}}, "a"},
		{http.Header{"X-Correlation-Id": {"b"}, "Request-Id": {"c"}}, "b"},
		{http.Header{"Request-Id": {"c"}}, "c"},
		{http.Header{"X-Request-Id": {strings.Repeat("x", 128)}}, strings.Repeat("x", 128)},
		{http.Header{"X-Request-Id": {strings.Repeat("x", 129)}, "Request-Id": {"c"}}, "c"},
		{http.Header{"X-Request-Id": {"a\x1b[31mb"}}, "a\ufffd[31mb"},
	} {
		if got := (&engine.Response{Header: tt.header}).RequestID(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.header, got, tt.want)
		}
	}
}

// TestRelease: bodies share memory once they are released, and each has what it was sent.
func TestRelease(t *testing.T) {
	t.Parallel()
	s := always(func(r *http.Request) (*http.Response, error) { return reply(200, r.Header.Get("X-Body")), nil })
	e := newEngine(t, s)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 200 {
				c := call
				text := strings.Repeat(string(rune('a'+i)), 1+n%50*2000) // some are too large to be kept
				c.Header = http.Header{"X-Body": {text}}
				out := e.Do(t.Context(), c)
				if string(out.Response.Body) != text {
					t.Errorf("%d bytes are not those that were sent", len(out.Response.Body))
				}
				out.Response.Release()
				if out.Response.Body != nil {
					t.Error("a released response has a body")
				}
				out.Response.Release() // once is enough
			}
		})
	}
	all.Wait()
}
