package engine_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/redact"
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

// TestErrorBody: the status of an error response counts, whatever becomes of its body. One
// that breaks off, or stops, is dropped.
func TestErrorBody(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]func(*http.Request) io.Reader{
		"broken off": func(*http.Request) io.Reader {
			return io.MultiReader(strings.NewReader(`{"error":"the key `+secretKey[:8]), iotest.ErrReader(io.ErrUnexpectedEOF))
		},
		"stuck": func(r *http.Request) io.Reader { return stuck(r, `{"error":`) },
	} {
		for _, code := range []int{400, 404, 429, 503} {
			synctest.Test(t, func(t *testing.T) {
				s := always(func(r *http.Request) (*http.Response, error) {
					res := streaming(body(r))
					res.StatusCode = code
					return res, nil
				})
				out := newEngine(t, s).Do(t.Context(), post)
				if want := map[int]int{400: 1, 404: 1, 429: 4, 503: 1}[code]; out.Err != nil || out.Response.Status != code || out.Sent != want ||
					out.Ambiguous != (code == 503) || len(out.Response.Body) != 0 {
					t.Errorf("%s: %+v", name, out)
				}
			})
		}
	}
}

// TestErrorBodyCanceled: the end of the caller's context is the error, as it is of every wait.
func TestErrorBodyCanceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s := always(func(r *http.Request) (*http.Response, error) {
			res := streaming(stuck(r, "{"))
			res.StatusCode = 404
			return res, nil
		})
		if out := newEngine(t, s).Do(ctx, call); !errors.Is(out.Err, context.DeadlineExceeded) {
			t.Errorf("%+v", out)
		}
	})
}

// TestErrorBodyIsBounded: not by the bound on successes, and not if all of it fits.
func TestErrorBodyIsBounded(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{0: 0, 50_000: 50_000, 1 << 20: 64<<10 + redact.New(secretKey).Room()} {
		s := always(func(*http.Request) (*http.Response, error) { return reply(400, strings.Repeat(" ", size)), nil })
		if out := newEngine(t, s, withMaxBytes(10)).Do(t.Context(), call); out.Err != nil || len(out.Response.Body) != want {
			t.Errorf("%d bytes: %v, %d were kept", size, out.Err, len(out.Response.Body))
		}
	}
}
