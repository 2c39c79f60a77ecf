package engine_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/pace"
	"github.com/growthgenius/growthgenius-go/internal/redact"
)

const secretKey = "gg-SECRET-0123456789"

var (
	address = url.URL{Scheme: "https", Host: "api.example.com", Path: "/v1/contacts/1102755", RawQuery: "acting=1"}
	policy  = engine.Policy{
		MaxAttempts: 4, MinBackoff: 250 * time.Millisecond, MaxBackoff: 8 * time.Second, MaxRetryAfter: time.Minute,
	}

	errReset = errors.New("connection reset")
)

// call is a lookup, free a Get, and post a create.
var (
	call = engine.Call{Method: http.MethodGet, Route: "/contacts/{id}", URL: address}
	free = engine.Call{Method: http.MethodGet, Route: "/contacts/{id}", URL: address, Free: true}
	post = engine.Call{
		Method: http.MethodPost, Route: "/contacts", URL: address, Class: engine.Unsent, Body: []byte(`{"contact":{}}`),
	}
)

// waiter is a limiter in one function.
type waiter func(context.Context) error

func (w waiter) Wait(ctx context.Context) error { return w(ctx) }

func unlimited(context.Context) error { return nil }

// script is a transport without a network: it responds to request number n, from 1.
type script struct {
	respond func(n int, r *http.Request) (*http.Response, error)
	n       atomic.Int64
	open    atomic.Int64 // bodies that were not closed yet
	last    atomic.Pointer[http.Request]
}

// ended reports whether the context of the last request has ended.
func (s *script) ended() bool { return s.last.Load().Context().Err() != nil }

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	s.last.Store(r)
	res, err := s.respond(int(s.n.Add(1)), r)
	if res != nil && res.Body != nil {
		s.open.Add(1)
		res.Body = &counted{ReadCloser: res.Body, open: &s.open}
	}
	return res, err
}

// counted is a body that reports when it is closed.
type counted struct {
	io.ReadCloser

	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.ReadCloser.Close()
}

// always is a script that responds the same each time.
func always(respond func(*http.Request) (*http.Response, error)) *script {
	return &script{respond: func(_ int, r *http.Request) (*http.Response, error) { return respond(r) }}
}

// statuses is a script that responds with these, the last one again and again.
func statuses(status ...int) *script {
	return &script{respond: func(n int, _ *http.Request) (*http.Response, error) {
		return reply(status[min(n, len(status))-1], "{}"), nil
	}}
}

// failing is a script without a response.
func failing(err error) *script {
	return always(func(*http.Request) (*http.Response, error) { return nil, err })
}

// reply is a response with these headers.
func reply(status int, body string, header ...string) *http.Response {
	res := &http.Response{
		StatusCode: status, Header: http.Header{}, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(body)),
	}
	for i := 0; i < len(header); i += 2 {
		res.Header.Set(header[i], header[i+1])
	}
	return res
}

// streaming is a response whose length is not known.
func streaming(body io.Reader) *http.Response {
	res := reply(http.StatusOK, "")
	res.Body, res.ContentLength = io.NopCloser(body), -1
	return res
}

// newEngine returns an engine of a script that is not limited, as changed by the options.
// All bodies must be closed when the test ends.
func newEngine(t testing.TB, s *script, options ...func(*engine.Config)) *engine.Engine {
	t.Helper()
	cfg := engine.Config{
		Transport:     s,
		Authorization: func() string { return secretKey },
		UserAgent:     "growthgenius-go/test",
		Timeout:       30 * time.Second, TimeoutSetBy: "WithAttemptTimeout",
		MaxBytes: 1 << 20,
		Retry:    policy,
		Gate:     pace.NewGate(waiter(unlimited), policy.MaxRetryAfter),
		Budget:   pace.NewBudget(),
		Redact:   redact.New(secretKey),
		Date:     func(time.Time, time.Time, *engine.Response) {},
	}
	for _, option := range options {
		option(&cfg)
	}
	t.Cleanup(func() {
		if n := s.open.Load(); n != 0 {
			t.Errorf("%d bodies were not closed", n)
		}
	})
	return engine.New(cfg)
}

// atOnce makes retries without a wait.
func atOnce(cfg *engine.Config) { cfg.Retry.MinBackoff, cfg.Retry.MaxBackoff = 0, 0 }

func withTimeout(d time.Duration) func(*engine.Config) {
	return func(c *engine.Config) { c.Timeout = d }
}

func withMaxBytes(n int64) func(*engine.Config) {
	return func(c *engine.Config) { c.MaxBytes = n }
}

func withRetry(p engine.Policy) func(*engine.Config) {
	return func(c *engine.Config) { c.Retry = p }
}

func withBudget(b *pace.Budget) func(*engine.Config) {
	return func(c *engine.Config) { c.Budget = b }
}

func withLimiter(l pace.Limiter) func(*engine.Config) {
	return func(c *engine.Config) { c.Gate = pace.NewGate(l, policy.MaxRetryAfter) }
}

func withLogger(l *slog.Logger) func(*engine.Config) {
	return func(c *engine.Config) { c.Logger = l }
}

// events reports to the trace of a request what net/http would.
type events struct{ *httptrace.ClientTrace }

func traced(r *http.Request) events { return events{httptrace.ContextClientTrace(r.Context())} }

// sought means that a connection is looked for, got that there is one.
func (e events) sought()           { e.GetConn("api.example.com:443") }
func (e events) got(conn net.Conn) { e.GotConn(httptrace.GotConnInfo{Conn: conn}) }

// refuse is a request that never got a connection.
func refuse(r *http.Request) (*http.Response, error) {
	traced(r).sought()
	return nil, errors.New("connection refused")
}

// reset is a request that got a connection and lost it.
func reset(r *http.Request) (*http.Response, error) {
	e := traced(r)
	e.sought()
	e.got(nil)
	return nil, errReset
}

// hang is a request whose response never comes.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// readFunc is a reader in one function.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// stuck is a body that goes no further than this, until the request ends.
func stuck(r *http.Request, text string) io.Reader {
	return io.MultiReader(strings.NewReader(text), readFunc(func([]byte) (int, error) {
		<-r.Context().Done()
		return 0, r.Context().Err()
	}))
}

// checkTimeout checks that an error is the timeout of an attempt, and not the end of the
// caller's context.
func checkTimeout(t *testing.T, err error) {
	t.Helper()
	timeout, ok := errors.AsType[net.Error](err)
	if !ok || !timeout.Timeout() || errs.IsContext(err) || !engine.IsSlow(err, 0) {
		t.Errorf("%v is not the timeout of an attempt", err)
	}
}
