package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/errs"
)

// TestRequest: a transport gets the URL, the method and the header of the call, and its
// whole body in each attempt.
func TestRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := engine.Call{
			Method: http.MethodPatch, Route: "/contacts/{id}", URL: address, Body: []byte(`{"contact":{"title":"CEO"}}`),
			Header: http.Header{"X-Tenant": {"a", "b"}},
		}
		s := always(func(r *http.Request) (*http.Response, error) {
			want := http.Header{
				"Accept": {"application/json"}, "Authorization": {secretKey}, "User-Agent": {"growthgenius-go/test"},
				"Content-Type": {"application/json"}, "X-Tenant": {"a", "b"},
			}
			body, err := io.ReadAll(r.Body)
			if r.Method != "PATCH" || r.URL.String() != address.String() || r.Host != "api.example.com" || r.Proto != "HTTP/1.1" ||
				!reflect.DeepEqual(r.Header, want) || !bytes.Equal(body, c.Body) || err != nil || r.ContentLength != int64(len(body)) {
				t.Errorf("%s %s %v %q, %v", r.Method, r.URL, r.Header, body, err)
			}
			// A transport may change what it gets, though it should not.
			r.Header.Add("X-Signature", "s")
			r.Header["X-Tenant"][0] = "c"
			return reply(503, ""), nil
		})
		newEngine(t, s).Do(t.Context(), c)
		if s.n.Load() != 4 || !reflect.DeepEqual(c.Header, http.Header{"X-Tenant": {"a", "b"}}) {
			t.Errorf("%d requests; the call's header became %v", s.n.Load(), c.Header)
		}
	})
}

// TestRequestWithoutBody: it has no Content-Type, and a User-Agent of the caller's is kept.
func TestRequestWithoutBody(t *testing.T) {
	t.Parallel()
	c := call
	c.Header = http.Header{"User-Agent": {"mine"}}
	s := always(func(r *http.Request) (*http.Response, error) {
		want := http.Header{"Accept": {"application/json"}, "Authorization": {secretKey}, "User-Agent": {"mine"}}
		if !reflect.DeepEqual(r.Header, want) || (r.Body != nil && r.Body != http.NoBody) || r.ContentLength != 0 {
			t.Errorf("%v, %v of %d bytes", r.Header, r.Body, r.ContentLength)
		}
		return reply(200, "{}"), nil
	})
	newEngine(t, s).Do(t.Context(), c)
}

// TestHandlerAsTransport: a transport may hand the request to a handler.
func TestHandlerAsTransport(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET api.example.com/v1/contacts/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.PathValue("id"))
	})
	s := always(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Result(), nil
	})
	if out := newEngine(t, s).Do(t.Context(), call); out.Err != nil || string(out.Response.Body) != "1102755" {
		t.Errorf("%+v", out)
	}
}

// TestCookies: none are kept without a jar. With one, each attempt is sent what the jar has
// by then.
func TestCookies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			jar  http.CookieJar
			want []string
		}{
			{nil, []string{"", ""}},
			{jar, []string{"", "session=1"}},
		} {
			var sent []string
			s := &script{respond: func(n int, r *http.Request) (*http.Response, error) {
				sent = append(sent, r.Header.Get("Cookie"))
				return reply([]int{503, 200}[n-1], "{}", "Set-Cookie", "session=1"), nil
			}}
			newEngine(t, s, func(c *engine.Config) { c.Cookies = tt.jar }).Do(t.Context(), call)
			if !slices.Equal(sent, tt.want) {
				t.Errorf("cookies %q, want %q", sent, tt.want)
			}
		}
	})
}

// TestSloppyTransports: what net/http's client accepts of a transport is accepted: a
// response without a body, none at all, and one beside an error, whose body is closed.
func TestSloppyTransports(t *testing.T) {
	t.Parallel()
	c := call
	c.Once = true
	for name, tt := range map[string]struct {
		res    *http.Response
		err    error
		status int
		text   string
	}{
		"no body":       {&http.Response{StatusCode: 200}, nil, 200, ""},
		"no body, 404":  {&http.Response{StatusCode: 404}, nil, 404, ""},
		"nothing":       {nil, nil, 0, "the transport (*engine_test.script) returned neither a response nor an error"},
		"both":          {reply(200, "{}"), errReset, 0, "connection reset"},
		"both, no body": {&http.Response{}, errReset, 0, "connection reset"},
	} {
		out := newEngine(t, always(func(*http.Request) (*http.Response, error) { return tt.res, tt.err })).Do(t.Context(), c)
		if tt.text != "" && (out.Err == nil || out.Err.Error() != tt.text || !out.Ambiguous) {
			t.Errorf("%s: %+v", name, out)
		}
		if tt.text == "" && (out.Err != nil || out.Response.Status != tt.status || len(out.Response.Body) != 0) {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

// TestAttemptTimeout: it bounds the wait for the head and for the whole body. It is a
// failure of the attempt, and no deadline of the caller's.
func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	body := func(r *http.Request) (*http.Response, error) { return streaming(stuck(r, `{"contact":`)), nil }
	slow := func(r *http.Request) (*http.Response, error) { // a byte a second
		return streaming(readFunc(func(p []byte) (int, error) {
			select {
			case <-r.Context().Done():
				return 0, r.Context().Err()
			case <-time.After(time.Second):
				return copy(p, " "), nil
			}
		})), nil
	}
	for name, respond := range map[string]func(*http.Request) (*http.Response, error){
		"head": hang, "body": body, "slow body": slow, "another error": hangs,
	} {
		for _, class := range []engine.Class{engine.Safe, engine.Unsent} {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				s := always(respond)
				out := newEngine(t, s, withTimeout(7*time.Second), atOnce).
					Do(t.Context(), engine.Call{Method: http.MethodGet, URL: address, Class: class})
				want := 4
				if class == engine.Unsent {
					want = 1
				}
				checkTimeout(t, out.Err)
				if took := time.Since(begun); out.Sent != want || took != time.Duration(want)*7*time.Second || !out.Ambiguous ||
					!strings.Contains(out.Err.Error(), "no complete response within 7s; see WithAttemptTimeout") {
					t.Errorf("%s: %+v after %s", name, out, took)
				}
			})
		}
	}
}

// TestCallersContext: its end ends the attempt, is the error, and is not retried.
func TestCallersContext(t *testing.T) {
	t.Parallel()
	body := func(r *http.Request) (*http.Response, error) { return streaming(stuck(r, `{"contact":`)), nil }
	for name, respond := range map[string]func(*http.Request) (*http.Response, error){
		"head": hang, "body": body, "another error": hangs,
	} {
		for want, begin := range map[error]func(context.Context) (context.Context, context.CancelFunc){
			context.DeadlineExceeded: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 3*time.Second)
			},
			context.Canceled: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(3*time.Second, cancel)
				return ctx, cancel
			},
		} {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				ctx, cancel := begin(t.Context())
				defer cancel()
				out := newEngine(t, always(respond)).Do(ctx, call)
				if took := time.Since(begun); !errors.Is(out.Err, want) || !strings.HasPrefix(out.Err.Error(), "waiting for the response: ") || out.Sent != 1 || !out.Ambiguous || took != 3*time.Second || out.GaveUp != "" {
					t.Errorf("%s: %+v after %s", name, out, took)
				}
			})
		}
	}
}

// hangs is hang with an error of the transport's own.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, errReset
}

// TestContextEndsAfter: a context that ends when the attempt has failed is joined to its
// error, and there is no other attempt.
func TestContextEndsAfter(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	logger := slog.New(noter{slog.DiscardHandler, func(context.Context) { cancel() }})
	out := newEngine(t, failing(errReset), withLogger(logger)).Do(ctx, call)
	if !errors.Is(out.Err, errReset) || !errors.Is(out.Err, context.Canceled) || out.Err.Error() != "connection reset (context canceled)" || out.Sent != 1 {
		t.Errorf("%+v", out)
	}
}

// TestTransportsOwnTimeout: a transport that ends a request with the error of a context is
// slow, not canceled by the caller.
func TestTransportsOwnTimeout(t *testing.T) {
	t.Parallel()
	c := call
	c.Once = true
	for _, err := range []error{context.DeadlineExceeded, context.Canceled} {
		out := newEngine(t, failing(err)).Do(t.Context(), c)
		checkTimeout(t, out.Err)
	}
}

// TestResponseBeatsContext: a response that has arrived is returned even if the context has
// ended meanwhile.
func TestResponseBeatsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := always(func(*http.Request) (*http.Response, error) {
		cancel()
		return reply(200, "{}"), nil
	})
	if out := newEngine(t, s).Do(ctx, call); out.Err != nil || string(out.Response.Body) != "{}" || out.Ended != nil {
		t.Errorf("%+v", out)
	}
}

// TestBound: a response over the bound is an error that is not retried, whether its length
// is known or not. One of just that size is not.
func TestBound(t *testing.T) {
	t.Parallel()
	const text = "response too large: the response (status 200) is over 1000 bytes; see WithMaxResponseBytes"
	for _, tt := range []struct {
		bytes, engine, call int64
		ok                  bool
	}{
		{1000, 1000, 0, true}, {1001, 1000, 0, false}, {100_000, 1000, 0, false},
		{1000, 5000, 1000, true}, {1001, 5000, 1000, false}, {1001, 1000, 5000, false},
	} {
		for _, known := range []bool{true, false} {
			body := strings.Repeat(" ", int(tt.bytes))
			s := always(func(*http.Request) (*http.Response, error) {
				if known {
					return reply(200, body), nil
				}
				return streaming(strings.NewReader(body)), nil
			})
			c := call
			c.MaxBytes = tt.call
			out := newEngine(t, s, withMaxBytes(tt.engine)).Do(t.Context(), c)
			switch {
			case tt.ok:
				if out.Err != nil || string(out.Response.Body) != body {
					t.Errorf("%+v: %v", tt, out.Err)
				}
			case !errors.Is(out.Err, errs.ErrResponseTooLarge) || out.Err.Error() != text || out.Sent != 1 || !out.Ambiguous:
				t.Errorf("%+v: %+v", tt, out)
			}
		}
	}
}

// TestHead: the length in the response to a HEAD is not that of a body.
func TestHead(t *testing.T) {
	t.Parallel()
	c := call
	c.Method = http.MethodHead
	s := always(func(r *http.Request) (*http.Response, error) {
		res := reply(200, "")
		res.ContentLength, res.Request = 1<<40, r
		return res, nil
	})
	if out := newEngine(t, s).Do(t.Context(), c); out.Err != nil || len(out.Response.Body) != 0 {
		t.Errorf("%+v", out)
	}
}

// TestCutShort: a body that ends in an error is a failed attempt: the next one may succeed.
func TestCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{respond: func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return cut(r)
			}
			return reply(200, `{"contact":{}}`), nil
		}}
		if out := newEngine(t, s).Do(t.Context(), call); out.Err != nil || out.Sent != 2 || string(out.Response.Body) != `{"contact":{}}` {
			t.Errorf("%+v", out)
		}
		out := newEngine(t, always(cut)).Do(t.Context(), post)
		if !errors.Is(out.Err, io.ErrUnexpectedEOF) || out.Err.Error() != "the response (status 200) broke off after 11 bytes: unexpected EOF" ||
			out.Sent != 1 || !out.Ambiguous {
			t.Errorf("%+v", out)
		}
	})
}

// TestRequestEnds: the context of a request has ended when its call returns.
func TestRequestEnds(t *testing.T) {
	t.Parallel()
	for _, respond := range []func(*http.Request) (*http.Response, error){
		func(*http.Request) (*http.Response, error) { return reply(200, "{}"), nil },
		func(*http.Request) (*http.Response, error) { return nil, errReset },
	} {
		s := always(respond)
		c := call
		c.Once = true
		newEngine(t, s).Do(t.Context(), c)
		if !s.ended() {
			t.Error("the request's context goes on")
		}
	}
}
