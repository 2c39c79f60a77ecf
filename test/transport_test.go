package test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// serve starts a server, and returns a client of it that retries, but does not read back.
func serve(t *testing.T, h http.HandlerFunc, opts ...growthgenius.Option) (*growthgenius.Client, *httptest.Server) {
	t.Helper()
	return testkit.Serve(t, h, append([]growthgenius.Option{growthgenius.WithRetry(testkit.Quick)}, opts...)...)
}

// TestCookies: none are kept, unless the program has a jar. Each attempt sends the cookies
// that are in the jar at its time, once.
func TestCookies(t *testing.T) {
	t.Parallel()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		hc   *http.Client
		want []string
	}{
		{&http.Client{}, []string{"theme=dark", "theme=dark", "theme=dark"}},
		{&http.Client{Jar: jar}, []string{"theme=dark", "theme=dark; session=1", "theme=dark; session=2"}},
	} {
		var cookies []string
		h := func(w http.ResponseWriter, r *http.Request) {
			cookies = append(cookies, r.Header.Get("Cookie"))
			http.SetCookie(w, &http.Cookie{Name: "session", Value: strconv.Itoa(len(cookies))})
			if len(cookies) == 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			genuine(w, r)
		}
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		test.hc.Transport = transport
		c, _ := serve(t, h, growthgenius.WithHTTPClient(test.hc))
		for range 2 {
			if _, err := c.Contacts.Get(t.Context(), "1", growthgenius.WithHeader("Cookie", "theme=dark")); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(cookies, test.want) {
			t.Errorf("cookies %q, want %q", cookies, test.want)
		}
	}
}

// watched is a transport that counts how often its idle connections are closed.
type watched struct {
	http.RoundTripper
	closed atomic.Int64
}

func (w *watched) CloseIdleConnections() { w.closed.Add(1) }

// TestUsersClient: the http.Client of the program has its transport and its timeout used, is
// not modified, and keeps its idle connections.
func TestUsersClient(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	w := &watched{RoundTripper: srv.Transport()}
	hc := &http.Client{Transport: w, Timeout: 500 * time.Millisecond, CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("mine") }}
	before := *hc
	c := srv.Client(growthgenius.WithHTTPClient(hc), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 2, MinBackoff: 1, MaxBackoff: 1}), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
	for _, fault := range []growthgeniustest.Fault{
		{Effect: growthgeniustest.Hang}, {Status: 503}, {Effect: growthgeniustest.Reset}, {Effect: growthgeniustest.Refuse}, {Effect: growthgeniustest.Truncate},
		{Status: 302, Header: http.Header{"Location": {"/x"}}}, {Effect: growthgeniustest.HTMLPage},
	} {
		srv.Inject(fault)
		sent := len(srv.Requests())
		_, err := c.Users.List(t.Context())
		if err == nil {
			t.Errorf("%+v: no error", fault)
		}
		var timeout interface{ Timeout() bool }
		if fault.Effect == growthgeniustest.Hang && (!errors.As(err, &timeout) || !timeout.Timeout() || len(srv.Requests()) != sent+2) {
			t.Errorf("%v after %d requests", err, len(srv.Requests())-sent)
		}
		if fault.Effect != growthgeniustest.Hang {
			if err := testkit.Err(c.Contacts.Create(t.Context(), testkit.Steve)); err == nil {
				t.Errorf("%+v: no error", fault)
			}
		}
		srv.ClearFaults()
	}
	if n := w.closed.Load(); n != 0 {
		t.Errorf("idle connections were closed %d times", n)
	}
	if hc.Transport != before.Transport || hc.Timeout != before.Timeout || hc.Jar != nil || reflect.ValueOf(hc.CheckRedirect).Pointer() != reflect.ValueOf(before.CheckRedirect).Pointer() {
		t.Errorf("the client was modified: %+v", hc)
	}
}

// TestHandlerAsTransport: requests are like those of http.NewRequest, so that the tests of a
// program can pass them to a handler.
func TestHandlerAsTransport(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET api.example.com/v1/contacts/1", genuine)
	transport := testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Result(), nil
	})
	c := testkit.NewClient(t, testkit.Secret, growthgenius.WithUserID("1"), growthgenius.WithBaseURL("https://api.example.com/v1"),
		growthgenius.WithHTTPClient(&http.Client{Transport: transport}))
	if _, err := c.Contacts.Get(t.Context(), "1"); err != nil {
		t.Error(err)
	}
}

// TestSloppyTransports: a response that net/http accepts from a transport is accepted.
func TestSloppyTransports(t *testing.T) {
	t.Parallel()
	for _, answer := range []*http.Response{{StatusCode: 200}, {StatusCode: 404}, nil} {
		transport := testkit.TransportFunc(func(*http.Request) (*http.Response, error) { return answer, nil })
		c := testkit.NewClient(t, testkit.Secret, growthgenius.WithUserID("1"), growthgenius.WithRetry(testkit.Quick), growthgenius.WithHTTPClient(&http.Client{Transport: transport}))
		err := c.Contacts.Delete(t.Context(), "1")
		switch {
		case answer == nil && (err == nil || !strings.Contains(err.Error(), "neither a response nor an error")):
			t.Errorf("no answer: %v", err)
		case answer != nil && errors.Is(err, growthgenius.ErrNotFound) != (answer.StatusCode == 404):
			t.Errorf("%d without a body: %v", answer.StatusCode, err)
		}
		if err := testkit.Err(c.Contacts.Get(t.Context(), "1")); err == nil {
			t.Errorf("%+v: a contact is made of nothing", answer)
		}
	}
}

// TestConnections: with the default transport, a busy program keeps its connections.
func TestConnections(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithoutRecording())
	c := srv.Client()
	const goroutines, total = 64, 5000
	for made := 0; made < total; made += goroutines { // in bursts
		var wg sync.WaitGroup
		for range min(goroutines, total-made) {
			wg.Go(func() {
				if _, err := c.Users.List(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if n := srv.Connections(); n > 70 {
		t.Errorf("%d connections for %d requests", n, total)
	}
}

// TestRedirectsLeakNothing: neither the key nor the body goes to another port, or from https
// to plain http, and a redirected create does not count as failed.
func TestRedirectsLeakNothing(t *testing.T) {
	t.Parallel()
	var strayed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for _, secure := range []bool{false, true} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			var asked atomic.Int64
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
			}))
			roots := x509.NewCertPool()
			if secure {
				srv.StartTLS()
				roots.AddCert(srv.Certificate())
			} else {
				srv.Start()
			}
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
			t.Cleanup(func() {
				transport.CloseIdleConnections()
				srv.Close()
			})
			c := testkit.NewClient(t, testkit.Secret, growthgenius.WithBaseURL(srv.URL), growthgenius.WithUserID("1"), growthgenius.WithRetry(testkit.Quick),
				growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}), growthgenius.WithHTTPClient(&http.Client{Transport: transport}))
			for _, k := range kinds {
				asked.Store(0)
				err := k.do(t.Context(), c)
				if k.create {
					testkit.Unknown(t, err)
				} else if !errors.Is(err, growthgenius.ErrRedirected) {
					t.Errorf("%d, %s: %v", status, k.name, err)
				}
				if asked.Load() != 1 {
					t.Errorf("%d, %s: %d requests", status, k.name, asked.Load())
				}
			}
		}
	}
	if n := strayed.Load(); n > 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// TestProxyThatRefuses: nothing was sent then, so creates are retried, and fail plainly,
// unless the proxy asks for credentials: then nothing is tried again, and the error says so.
// The proxy does not see the key.
func TestProxyThatRefuses(t *testing.T) {
	t.Parallel()
	own := growthgenius.DefaultTransport()
	for _, tt := range []struct {
		transport *http.Transport
		status    int
		asked     int
		text      string
	}{
		{own, 407, 1, "the proxy did not connect to the server: 407 Proxy Authentication Required; a proxy asks for credentials: set them in HTTPS_PROXY"},
		{&http.Transport{}, 407, 1, "the proxy did not connect to the server: 407 Proxy Authentication Required; a proxy asks for credentials"},
		{own, 403, 1, "the proxy did not connect to the server: 403 Forbidden"},
		{own, 429, 4, "the proxy did not connect to the server: 429 Too Many Requests"},
		{own, 503, 4, "the proxy did not connect to the server: 503 Service Unavailable"},
		{&http.Transport{}, 503, 4, "Service Unavailable"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			checkProxy(t, tt.transport.Clone(), tt.status, tt.asked, tt.text)
		})
	}
}

func checkProxy(t *testing.T, transport *http.Transport, status, requests int, text string) {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var dump strings.Builder
		_ = r.Header.Write(&dump)
		asked = append(asked, r.Method+" "+dump.String())
		w.WriteHeader(status)
	}))
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(proxy.Close)
	to, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport.Proxy = http.ProxyURL(to)
	t.Cleanup(transport.CloseIdleConnections)
	c := testkit.NewClient(t, testkit.Secret, growthgenius.WithUserID("1"), growthgenius.WithRetry(testkit.Quick), growthgenius.WithHTTPClient(&http.Client{Transport: transport}))
	for _, k := range kinds {
		asked = nil
		err := k.do(t.Context(), c)
		if err == nil || errors.Is(err, growthgenius.ErrOutcomeUnknown) || strings.Contains(err.Error(), "SECRET") || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", k.name, err)
		}
		if len(asked) != requests || strings.Contains(strings.Join(asked, ""), "SECRET") || !strings.HasPrefix(asked[0], "CONNECT ") {
			t.Errorf("%s: the proxy was asked %q", k.name, asked)
		}
	}
}

// TestHeadersOfAttempts: a header that a transport adds to a request is not in the next one.
func TestHeadersOfAttempts(t *testing.T) {
	t.Parallel()
	var seen []int
	transport := testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
		r.Header.Add("X-Signature", "s")
		seen = append(seen, len(r.Header["X-Signature"]))
		return testkit.Reply(503, ""), nil
	})
	c := testkit.NewClient(t, testkit.Secret, growthgenius.WithHTTPClient(&http.Client{Transport: transport}), growthgenius.WithRetry(testkit.Quick))
	if _, err := c.Users.List(t.Context()); !errors.Is(err, growthgenius.ErrServer) || !slices.Equal(seen, []int{1, 1, 1, 1}) {
		t.Errorf("signatures %v, %v", seen, err)
	}
}

// TestAnswerAndError: if a transport returns both a response and an error, which it must not,
// the body is closed.
func TestAnswerAndError(t *testing.T) {
	t.Parallel()
	s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
		return testkit.Reply(200, "{}"), errors.New("and an error")
	}}
	c := testkit.Scripted(t, s, growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}))
	testkit.Unknown(t, testkit.Err(c.Contacts.Create(t.Context(), testkit.Steve)))
}

// TestHead: the Content-Length of the response to a HEAD is not the length of a body.
func TestHead(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "100000000") })
	if err := c.Do(t.Context(), http.MethodHead, "/export", nil, nil, nil); err != nil {
		t.Error(err)
	}
}

// waiter is a limiter of the program.
type waiter func(context.Context) error

func (w waiter) Wait(ctx context.Context) error { return w(ctx) }

// TestContextIsPrinted: a limiter, a logger and a transport may print the context that they
// get. It has neither the key nor the query nor a header.
func TestContextIsPrinted(t *testing.T) {
	t.Parallel()
	var printed strings.Builder
	note := func(ctx context.Context) { fmt.Fprintf(&printed, "%v %+v %#v\n", ctx, ctx, ctx) }
	transport := testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
		note(r.Context())
		return testkit.Reply(200, `{"id":"1","full_name":"Jane"}`), nil
	})
	c := testkit.NewClient(t, testkit.Secret, growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: transport}),
		growthgenius.WithLimiter(waiter(func(ctx context.Context) error { note(ctx); return nil })))
	if _, err := c.Enrichment.Person(t.Context(), growthgenius.PersonQuery{Email: "jane.doe@example.com"}, growthgenius.WithHeader("X-Tenant", "private")); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"SECRET", "jane.doe", "private"} {
		if strings.Contains(printed.String(), secret) {
			t.Errorf("%s is in %s", secret, printed.String())
		}
	}
}

// TestQueryInErrors: the error of a transport may quote the URL of a lookup. The error of the
// call lacks its query, which identifies a person.
func TestQueryInErrors(t *testing.T) {
	t.Parallel()
	inner := http.Client{Transport: testkit.TransportFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("broken") })}
	for name, fail := range map[string]func(*http.Request) error{
		"plain": func(r *http.Request) error { return fmt.Errorf("egress proxy: no route for %s", r.URL) },
		"nested": func(r *http.Request) error {
			return &url.Error{Op: "Get", URL: r.URL.String(), Err: testkit.Err(inner.Transport.RoundTrip(r))}
		},
	} {
		c := testkit.Scripted(t, &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) { return nil, fail(r) }}, growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}))
		if _, err := c.Enrichment.Person(t.Context(), growthgenius.PersonQuery{Email: "jane.doe@example.com"}); err == nil || strings.Contains(err.Error(), "jane.doe") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestErrorsOfLimiters: the error of a limiter matches context.DeadlineExceeded only if it
// wraps it.
func TestErrorsOfLimiters(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	empty := rate.NewLimiter(rate.Every(24*time.Hour), 1)
	empty.Allow()
	for name, w := range map[string]waiter{
		"deadline": func(ctx context.Context) error { return fmt.Errorf("shared: %w", empty.Wait(ctx)) },
		"broken":   func(context.Context) error { return errors.New("redis: connection refused") },
	} {
		c := testkit.Scripted(t, &testkit.Script{}, growthgenius.WithLimiter(w))
		if _, err := c.Users.List(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) != (name == "deadline") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLongestBackoff: the largest possible backoff is valid.
func TestLongestBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := testkit.Scripted(t, &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(503, ""), nil }},
			growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: math.MaxInt64}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Users.List(ctx); !errors.Is(err, growthgenius.ErrServer) && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
