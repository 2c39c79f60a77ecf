package test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// fate is what a failed attempt means, whatever the request was.
type fate int

const (
	unsent    fate = iota // nothing left this machine: every request may be sent again
	throttled             // the server reports that it did nothing
	ambiguous             // it may have been carried out: creates must not be sent again
	refused               // the server refuses for good
	redirect              // the same, but the request may have been carried out
	permanent             // nothing left this machine, and a retry cannot help
)

// failure is a way in which a request fails on a real connection.
type failure struct {
	name string
	fate fate
	is   error // the sentinel that the error of a read matches, if there is one

	// How the server is set up. A stranger has a certificate that the client does not trust.
	tls, http2, stranger bool

	warm   bool // the connection has been used before
	idle   bool // the server has closed it since
	slow   bool // it lasts until the attempt times out
	accept bool // the connection is closed as it is accepted
	mute   bool // the server sends nothing on it

	dial   func(context.Context) (net.Conn, error) // in place of a dial
	handle func(w http.ResponseWriter, r *http.Request, respond func(http.ResponseWriter))
}

// kind is a call, and whether it creates.
type kind struct {
	name   string
	create bool
	do     func(context.Context, *growthgenius.Client) error
}

var kinds = []kind{
	{"get", false, func(ctx context.Context, c *growthgenius.Client) error { return testkit.Err(c.Contacts.Get(ctx, "1")) }},
	{"list", false, func(ctx context.Context, c *growthgenius.Client) error {
		return testkit.Err(c.Messages.List(ctx, growthgenius.ListOptions{}))
	}},
	{"search", false, func(ctx context.Context, c *growthgenius.Client) error {
		return testkit.Err(c.Contacts.Search(ctx, growthgenius.SearchOptions{Keywords: "x"}))
	}},
	{"enrichment", false, func(ctx context.Context, c *growthgenius.Client) error {
		return testkit.Err(c.Enrichment.Company(ctx, "tesla.com"))
	}},
	{"update", false, func(ctx context.Context, c *growthgenius.Client) error {
		return testkit.Err(c.Contacts.Update(ctx, "1", testkit.Steve))
	}},
	{"delete", false, func(ctx context.Context, c *growthgenius.Client) error { return c.Messages.Delete(ctx, "1") }},
	{"raw GET", false, func(ctx context.Context, c *growthgenius.Client) error { return c.Do(ctx, "GET", "/x", nil, nil, nil) }},
	{"raw PATCH", false, func(ctx context.Context, c *growthgenius.Client) error {
		return c.Do(ctx, "PATCH", "/x", nil, "body", nil)
	}},
	{"create contact", true, func(ctx context.Context, c *growthgenius.Client) error {
		return testkit.Err(c.Contacts.Create(ctx, testkit.Steve))
	}},
	{"create message", true, func(ctx context.Context, c *growthgenius.Client) error {
		return testkit.Err(c.Messages.Create(ctx, testkit.Louis))
	}},
	{"raw POST", true, func(ctx context.Context, c *growthgenius.Client) error {
		return c.Do(ctx, "POST", "/x", nil, "body", nil)
	}},
}

// genuine is a handler with a proper response to every call of kinds.
func genuine(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/search"):
		_, _ = io.WriteString(w, `{"contacts":[],"pagination":{"page":1,"total_pages":1}}`)
	case strings.HasSuffix(r.URL.Path, "/find"):
		_, _ = io.WriteString(w, `{"id":"a","name":"Tesla"}`)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/messages"):
		_, _ = io.WriteString(w, `{"messages":[]}`)
	case strings.Contains(r.URL.Path, "/messages"):
		_, _ = io.WriteString(w, `{"message":{"id":1}}`)
	default:
		_, _ = io.WriteString(w, `{"contact":{"id":1,"updated_at":"2021-01-19T17:07:20.529-05:00"}}`)
	}
}

func status(code int, is error) failure {
	f := failure{name: fmt.Sprint(code), is: is, handle: func(w http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) {
		if code/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(code)
	}}
	switch {
	case code == http.StatusTooManyRequests:
		f.fate = throttled
	case code == http.StatusRequestTimeout || code >= 500:
		f.fate = ambiguous
	case code < 400:
		f.fate = redirect
	default:
		f.fate = refused
	}
	return f
}

var failures = []failure{
	{name: "refused", fate: unsent, dial: func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:1")
	}},
	{name: "DNS failure", fate: unsent, dial: func(ctx context.Context) (net.Conn, error) {
		nobody := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no name server")
		}}
		return (&net.Dialer{Resolver: nobody}).DialContext(ctx, "tcp", "api.growthgenius.invalid:443")
	}},
	{name: "dial that hangs", fate: unsent, slow: true, dial: func(ctx context.Context) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}},
	{name: "TLS handshake broken off", fate: unsent, tls: true, accept: true},
	{name: "TLS handshake that hangs", fate: unsent, slow: true, tls: true, mute: true},
	{name: "certificate", fate: permanent, tls: true, stranger: true},
	{name: "accepted and closed", fate: ambiguous, accept: true},
	{name: "closed before the body is read", fate: ambiguous, handle: func(http.ResponseWriter, *http.Request, func(http.ResponseWriter)) {
		panic(http.ErrAbortHandler)
	}},
	{name: "reset after the body is read", fate: ambiguous, handle: func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}},
	{name: "closed amid the head", fate: ambiguous, handle: func(w http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-")
		_ = conn.Close()
	}},
	{name: "closed amid the body", fate: ambiguous, handle: func(w http.ResponseWriter, _ *http.Request, answer func(http.ResponseWriter)) {
		w.Header().Set("Content-Length", "1000")
		answer(w)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}},
	{name: "chunks without an end", fate: ambiguous, handle: func(w http.ResponseWriter, _ *http.Request, answer func(http.ResponseWriter)) {
		answer(w)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}},
	{name: "kept connection closed", fate: ambiguous, warm: true, handle: func(http.ResponseWriter, *http.Request, func(http.ResponseWriter)) {
		panic(http.ErrAbortHandler)
	}},
	{name: "kept connection closed while idle", fate: ambiguous, warm: true, idle: true},
	{name: "HTTP/2 stream reset", fate: ambiguous, tls: true, http2: true, handle: func(_ http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}},
	{name: "HTTP/2 stream reset amid the body", fate: ambiguous, tls: true, http2: true, handle: func(w http.ResponseWriter, _ *http.Request, answer func(http.ResponseWriter)) {
		answer(w)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}},
	hang("hang", false),
	hang("hang amid the body", true),
	status(301, growthgenius.ErrRedirected), status(302, growthgenius.ErrRedirected), status(303, growthgenius.ErrRedirected),
	status(307, growthgenius.ErrRedirected), status(308, growthgenius.ErrRedirected),
	status(400, growthgenius.ErrBadRequest), status(401, growthgenius.ErrUnauthorized), status(403, growthgenius.ErrForbidden),
	status(404, growthgenius.ErrNotFound), status(405, nil), status(408, nil), status(409, growthgenius.ErrConflict), status(410, nil),
	status(422, growthgenius.ErrValidation), status(425, nil), status(429, growthgenius.ErrRateLimited),
	status(500, growthgenius.ErrServer), status(501, growthgenius.ErrServer), status(502, growthgenius.ErrServer),
	status(503, growthgenius.ErrServer), status(504, growthgenius.ErrServer), status(507, growthgenius.ErrServer), status(599, growthgenius.ErrServer),
}

const attemptTimeout = time.Second // for the failures that last until it

func hang(name string, amid bool) failure {
	return failure{name: name, fate: ambiguous, slow: true, handle: func(w http.ResponseWriter, r *http.Request, answer func(http.ResponseWriter)) {
		_, _ = io.Copy(io.Discard, r.Body)
		if amid {
			answer(w)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}}
}

// front is a server that fails a number of times before it works.
type front struct {
	failure
	left              atomic.Int64 // failures to come
	inflicted, served atomic.Int64
	warmed            atomic.Bool
}

func (f *front) fails() bool {
	if f.warm && !f.warmed.Load() || f.left.Add(-1) < 0 {
		return false
	}
	f.inflicted.Add(1)
	return true
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.handle != nil && f.fails() {
		f.handle(w, r, func(w http.ResponseWriter) { genuine(w, r) })
		return
	}
	f.served.Add(1)
	genuine(w, r)
}

// gate is a listener that closes connections as they are accepted, or sends nothing on them.
type gate struct {
	net.Listener
	f *front
	t *testing.T
}

func (l gate) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !l.f.fails() {
			return conn, err
		}
		if l.f.mute {
			l.t.Cleanup(func() { _ = conn.Close() })
			continue
		}
		_ = conn.Close()
	}
}

// unaware is a connection whose client notices that the server has closed it only when it
// sends something. Otherwise, the order of the two would be random.
type unaware struct {
	net.Conn
	once sync.Once
	sent chan struct{} // closed with the first request after the one that warms it
	n    int
}

func (c *unaware) Write(p []byte) (int, error) {
	c.n++
	if c.n > 1 {
		c.once.Do(func() { close(c.sent) })
	}
	return c.Conn.Write(p)
}

func (c *unaware) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n == 0 && err != nil {
		<-c.sent
	}
	return n, err
}

func (c *unaware) Close() error {
	c.once.Do(func() { close(c.sent) })
	return c.Conn.Close()
}

// start starts the server, and returns a client of it.
func (f *front) start(t *testing.T, opts ...growthgenius.Option) *growthgenius.Client {
	t.Helper()
	srv := httptest.NewUnstartedServer(f)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.EnableHTTP2 = f.http2
	if f.accept || f.mute {
		srv.Listener = gate{srv.Listener, f, t}
	}
	roots := x509.NewCertPool()
	if f.tls {
		srv.StartTLS()
		if !f.stranger {
			roots.AddCert(srv.Certificate())
		}
	} else {
		srv.Start()
	}
	transport := &http.Transport{
		ForceAttemptHTTP2: f.http2,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if f.stranger {
				f.inflicted.Add(1)
			}
			if f.dial != nil && f.fails() {
				return f.dial(ctx)
			}
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err == nil && f.idle {
				conn = &unaware{Conn: conn, sent: make(chan struct{})}
			}
			return conn, err
		},
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.CloseClientConnections()
		srv.Close()
	})
	base := []growthgenius.Option{
		growthgenius.WithBaseURL(srv.URL), growthgenius.WithUserID("1"), growthgenius.WithRetry(testkit.Quick),
		growthgenius.WithHTTPClient(&http.Client{Transport: transport}), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}),
	}
	c := testkit.NewClient(t, testkit.Secret, append(base, opts...)...)
	if f.warm {
		if err := c.Do(t.Context(), "GET", "/warm", nil, nil, nil); err != nil {
			t.Error(err)
		}
		f.served.Store(0)
		f.warmed.Store(true)
	}
	if f.idle && f.fails() {
		srv.CloseClientConnections()
	}
	return c
}

// TestReplayClasses tests what may be sent again: each kind of call with each kind of
// failure. The server counts the requests. Read-back is off, so a create that must not be
// sent again has an unknown outcome.
func TestReplayClasses(t *testing.T) {
	t.Parallel()
	for _, failure := range failures {
		t.Run(failure.name, func(t *testing.T) {
			t.Parallel()
			var wg sync.WaitGroup
			defer wg.Wait()
			for _, kind := range kinds {
				for _, always := range []bool{false, true} {
					if always && failure.warm {
						continue // net/http itself sends a GET again
					}
					f := &front{failure: failure}
					f.left.Store(1)
					if always {
						f.left.Store(1 << 30)
					}
					opts := []growthgenius.Option{growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 3, MinBackoff: 1, MaxBackoff: 1})}
					if failure.slow {
						opts = append(opts, growthgenius.WithAttemptTimeout(attemptTimeout))
						if always && kind.name != "get" && kind.name != "create contact" {
							continue // they take too long
						}
					}
					c := f.start(t, opts...)
					wg.Go(func() { f.check(t, c, kind, always) })
				}
			}
		})
	}
}

func (f *front) check(t *testing.T, c *growthgenius.Client, k kind, always bool) {
	t.Helper()
	where := k.name
	if always {
		where += ", always"
	}
	replays := f.fate == unsent || f.fate == throttled || f.fate == ambiguous && !k.create
	inflicted, served := int64(1), int64(0)
	switch {
	case replays && always:
		inflicted = 3
	case replays:
		served = 1
	}
	if k.name == "update" && f.fate == ambiguous { // it is read before it is sent again
		if always {
			inflicted++ // the read has attempts of its own, and they fail as well
		} else {
			served++
		}
	}
	err := k.do(t.Context(), c)
	if f.inflicted.Load() != inflicted || f.served.Load() != served {
		t.Errorf("%s: %d attempts failed and %d were served, want %d and %d (%v)", where, f.inflicted.Load(), f.served.Load(), inflicted, served, err)
	}
	if (err == nil) != (replays && !always) {
		t.Errorf("%s: %v", where, err)
	}
	lost := k.create && (f.fate == ambiguous || f.fate == redirect)
	if errors.Is(err, growthgenius.ErrOutcomeUnknown) != lost {
		t.Errorf("%s: unknown is not %v: %v", where, lost, err)
	}
	if f.is != nil && err != nil && errors.Is(err, f.is) == lost {
		t.Errorf("%s: %v is %v: %v", where, err, f.is, !lost)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v looks like the end of the caller's context", where, err)
	}
	if e, ok := errors.AsType[*growthgenius.OutcomeUnknownError](err); ok {
		if strings.HasPrefix(k.name, "raw") != (e.Token.String() == growthgenius.CreateToken{}.String()) {
			t.Errorf("%s: the token is %v", where, e.Token)
		}
	}
}

// TestCreateIsReadBack: whichever way the response to a create is lost that was carried out,
// the list shows its record, and there is one POST.
func TestCreateIsReadBack(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]growthgeniustest.Fault{
		"reset": {Effect: growthgeniustest.Reset}, "truncated": {Effect: growthgeniustest.Truncate}, "HTML": {Effect: growthgeniustest.HTMLPage},
		"wrong record": {Effect: growthgeniustest.WrongRecord}, "408": {Status: 408}, "500": {Status: 500}, "502": {Status: 502}, "503": {Status: 503}, "504": {Status: 504},
		"302": {Status: 302}, "307": {Status: 307}, "empty object": {Status: 200, Body: "{}"}, "no id": {Status: 201, Body: `{"contact":{"email":"sjobs@apple.com"}}`},
		"id 0": {Status: 200, Body: `{"contact":{"id":0},"message":{"id":0}}`}, "id -1": {Status: 200, Body: `{"contact":{"id":-1}}`}, "id 1e30": {Status: 200, Body: `{"contact":{"id":1e30}}`}, "id as text": {Status: 200, Body: `{"contact":{"id":"-1"}}`},
		"an error at 200": {Status: 200, Body: `{"error":"try later"}`}, "null": {Status: 200, Body: `null`}, "half a body": {Status: 200, Body: `{"contact":{"id":`},
		"204": {Status: 204}, "202": {Status: 202, Body: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault.Method, fault.Commit, fault.Times = "POST", true, 2
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				srv.Inject(fault)
				c := srv.NewClient()
				contact, err := c.Contacts.Create(t.Context(), testkit.Steve)
				if err != nil || contact.ID != srv.Contacts()[0].ID || contact.Title != "CEO" || contact.CreatedAt.IsZero() {
					t.Errorf("%+v %v", contact, err)
				}
				message, err := c.Messages.Create(t.Context(), testkit.Louis)
				if err != nil || message.ID != srv.Messages()[0].ID || message.RenderedCopy != "Hey Louis" {
					t.Errorf("%+v %v", message, err)
				}
				if n, m := testkit.Count(srv.Server, "POST", "/contacts"), testkit.Count(srv.Server, "POST", "/messages"); n != 1 || m != 1 {
					t.Errorf("%d and %d POSTs", n, m)
				}
			})
		})
	}
}

// TestCreateThatDidNotHappen: its outcome is unknown, unless ReplayAfter is set. Then it is
// sent again until it gets a response or has no attempts left.
func TestCreateThatDidNotHappen(t *testing.T) {
	t.Parallel()
	fault := growthgeniustest.Fault{Method: "POST", Status: 503}
	for name, tt := range map[string]struct {
		policy  growthgenius.ReadBackPolicy
		faults  int
		opts    []growthgenius.RequestOption
		posts   int
		created bool
		waited  time.Duration // at least
	}{
		"default":                 {growthgenius.ReadBackPolicy{}, 1, nil, 1, false, 5 * time.Second},
		"disabled":                {growthgenius.ReadBackPolicy{Disabled: true}, 1, nil, 1, false, 0},
		"replay":                  {growthgenius.ReadBackPolicy{ReplayAfter: time.Second}, 1, nil, 2, true, 5 * time.Second},
		"replay, settled sooner":  {growthgenius.ReadBackPolicy{Settle: time.Millisecond, ReplayAfter: 2 * time.Second}, 2, nil, 3, true, 4 * time.Second},
		"replay, out of attempts": {growthgenius.ReadBackPolicy{Settle: time.Millisecond, ReplayAfter: time.Second}, 9, nil, 4, false, 4 * time.Second},
		"replay, NoRetry":         {growthgenius.ReadBackPolicy{Settle: time.Millisecond, ReplayAfter: time.Second}, 1, []growthgenius.RequestOption{growthgenius.NoRetry()}, 1, false, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				fault := fault
				fault.Times = tt.faults
				srv.Inject(fault)
				begun := time.Now()
				contact, err := srv.NewClient(growthgenius.WithReadBack(tt.policy)).Contacts.Create(t.Context(), testkit.Steve, tt.opts...)
				if waited := time.Since(begun); waited < tt.waited || waited > 3*tt.waited+time.Second {
					t.Errorf("waited %s", waited)
				}
				if posts := testkit.Count(srv.Server, "POST", "/contacts"); posts != tt.posts {
					t.Errorf("%d POSTs", posts)
				}
				if !tt.created {
					testkit.Unknown(t, err)
				} else if err != nil || len(srv.Contacts()) != 1 || contact.ID != srv.Contacts()[0].ID {
					t.Errorf("%+v %v, %d rows", contact, err, len(srv.Contacts()))
				}
			})
		})
	}
}

// TestAmbiguityIsNotForgotten: if a create is sent again because it was absent, the result of
// that says nothing about the first request, which may have been carried out late.
func TestAmbiguityIsNotForgotten(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]growthgeniustest.Fault{
		"403": {Method: http.MethodPost, Status: 403}, "409": {Method: http.MethodPost, Status: 409, Body: `{"error":"the e-mail is taken"}`}, "422": {Method: http.MethodPost, Status: 422},
		"429 for good": {Method: http.MethodPost, Status: 429, RetryAfter: time.Hour}, "429, then canceled": {Method: http.MethodPost, Status: 429, RetryAfter: 30 * time.Second},
		"refused for good": {Method: http.MethodPost, Effect: growthgeniustest.Refuse},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %v", name, late), func(t *testing.T) {
				t.Parallel()
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Status: 503, Times: 1, Commit: late}, second)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if strings.HasSuffix(name, "canceled") {
						time.AfterFunc(20*time.Second, cancel)
					}
					c := srv.NewClient(growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: time.Second}), growthgenius.WithRetry(testkit.Quick))
					contact, err := c.Contacts.Create(ctx, testkit.Steve)
					if late && ctx.Err() == nil { // by the time of the refusal the list has it
						if err != nil || contact.ID != srv.Contacts()[0].ID {
							t.Errorf("%+v %v", contact, err)
						}
					} else if e := testkit.Unknown(t, err); errors.Is(e, context.Canceled) != (ctx.Err() != nil) {
						t.Error(err)
					}
					if n := len(srv.Ledger()); n > 1 {
						t.Errorf("%d rows", n)
					}
				}, growthgeniustest.WithListLag(7*time.Second))
			})
		}
	}
}

// TestSuccessWithTooManyRecords: a response that exceeds a bound is not read, but its status
// is a success.
func TestSuccessWithTooManyRecords(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		srv.Inject(growthgeniustest.Fault{Method: "POST", Status: 200, Body: `{"contacts":[` + strings.Repeat("{},", 10_000) + `{}]}`, Commit: true})
		contact, err := srv.NewClient(growthgenius.WithMaxResponseBytes(1<<16)).Contacts.Create(t.Context(), testkit.Steve)
		if err != nil || contact.ID != srv.Contacts()[0].ID {
			t.Errorf("%+v %v", contact, err)
		}
	})
}

// TestDeleteTwice: a 404 means "not found", unless this very call may have deleted the
// record.
func TestDeleteTwice(t *testing.T) {
	t.Parallel()
	lost := growthgeniustest.Fault{Effect: growthgeniustest.Reset, Commit: true}
	for name, tt := range map[string]struct {
		faults []growthgeniustest.Fault
		there  bool
		want   error
		sent   int
	}{
		"deleted":                     {nil, true, nil, 1},
		"never there":                 {nil, false, growthgenius.ErrNotFound, 1},
		"answer lost":                 {[]growthgeniustest.Fault{lost}, true, nil, 2},
		"answer lost, 429":            {[]growthgeniustest.Fault{lost, {Status: 429}}, true, nil, 3},
		"two answers lost":            {[]growthgeniustest.Fault{lost, {Status: 503}}, true, nil, 3},
		"500 after the fact":          {[]growthgeniustest.Fault{{Status: 500, Commit: true}}, true, nil, 2},
		"408 after the fact":          {[]growthgeniustest.Fault{{Status: 408, Commit: true}}, true, nil, 2},
		"answer cut short":            {[]growthgeniustest.Fault{{Effect: growthgeniustest.Truncate}}, true, nil, 2},
		"never there, answer lost":    {[]growthgeniustest.Fault{{Effect: growthgeniustest.Reset}}, false, nil, 2}, // as if it had been there
		"never there, refused first":  {[]growthgeniustest.Fault{{Effect: growthgeniustest.Refuse}}, false, growthgenius.ErrNotFound, 1},
		"never there, 429 first":      {[]growthgeniustest.Fault{{Status: 429}}, false, growthgenius.ErrNotFound, 2},
		"answer lost, then forbidden": {[]growthgeniustest.Fault{lost, {Status: 403}}, true, growthgenius.ErrForbidden, 2},
	} {
		for _, way := range []string{"contact", "message", "raw"} {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				srv := growthgeniustest.NewServer(t)
				c, id := testkit.Live(t, srv), growthgenius.ID("77")
				if tt.there && way == "message" {
					id = srv.AddMessages(growthgenius.Message{RenderedCopy: "x"})[0].ID
				} else if tt.there {
					id = srv.AddContacts(growthgenius.Contact{Email: "a@b.c"})[0].ID
				}
				for _, fault := range tt.faults {
					fault.Times = 1
					srv.Inject(fault)
				}
				route, remove := "/contacts/{id}", func() error { return c.Contacts.Delete(t.Context(), id) }
				switch way {
				case "message":
					route, remove = "/messages/{id}", func() error { return c.Messages.Delete(t.Context(), id) }
				case "raw":
					remove = func() error {
						return c.Do(t.Context(), http.MethodDelete, "/contacts/"+string(id), nil, nil, nil)
					}
				}
				if err := remove(); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
					t.Error(err)
				}
				if sent := testkit.Count(srv, "DELETE", route); sent != tt.sent {
					t.Errorf("%d requests", sent)
				}
				if len(srv.Contacts())+len(srv.Messages()) != 0 {
					t.Error("it is still there")
				}
			})
		}
	}
}

// TestOnlyDeleteTakes404ForSuccess: a record that is gone was neither read nor updated.
func TestOnlyDeleteTakes404ForSuccess(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.Inject(growthgeniustest.Fault{Effect: growthgeniustest.Reset, Commit: true, Times: 1}, growthgeniustest.Fault{Skip: 1, Status: 503, Commit: true, Times: 1})
	c := testkit.Live(t, srv)
	if _, err := c.Contacts.Get(t.Context(), "77"); !errors.Is(err, growthgenius.ErrNotFound) {
		t.Error(err)
	}
	if _, err := c.Contacts.Update(t.Context(), "77", testkit.Steve); !errors.Is(err, growthgenius.ErrNotFound) {
		t.Error(err)
	}
}

// TestSameBytesOnEveryAttempt compares the path, the query, the headers and the body.
func TestSameBytesOnEveryAttempt(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		srv := growthgeniustest.NewServer(t)
		srv.Inject(growthgeniustest.Fault{Status: 429, Times: 3})
		err := k.do(t.Context(), testkit.Live(t, srv, growthgenius.WithMarkerField("custom9"), growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0))))
		_, refusal := errors.AsType[*growthgenius.APIError](err)
		if err != nil && !refusal {
			t.Errorf("%s: %v", k.name, err)
		}
		sent := srv.Requests()
		if len(sent) != 4 {
			t.Errorf("%s: %d requests", k.name, len(sent))
		}
		for _, r := range sent[1:] {
			first := sent[0]
			if r.Method != first.Method || r.Path != first.Path || r.Query != first.Query || !bytes.Equal(r.Body, first.Body) || fmt.Sprint(r.Header) != fmt.Sprint(first.Header) {
				t.Errorf("%s: first %+v\nthen %+v", k.name, first, r)
			}
		}
	}
}

// TestAttemptTimeoutCoversTheBody: a slow body ends with the attempt's timeout, and its error
// is not that of the caller's deadline.
func TestAttemptTimeoutCoversTheBody(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.Inject(growthgeniustest.Fault{Drip: 20 * time.Millisecond})
	c := testkit.Live(t, srv, growthgenius.WithAttemptTimeout(200*time.Millisecond), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}),
		growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 2, MinBackoff: 1, MaxBackoff: 1}))
	_, err := c.Users.List(t.Context())
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if sent := testkit.Count(srv, "GET", "/users"); sent != 2 {
		t.Errorf("%d requests", sent)
	}
	_, err = c.Contacts.Create(t.Context(), testkit.Steve, growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { return nil }))
	testkit.Unknown(t, err)
}

// TestSuccessOfAProxy: what a proxy says at any status of a success is not the API's. A create
// is looked for then, and is not sent again.
func TestSuccessOfAProxy(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "<html>"} {
		for _, status := range []int{200, 201, 202, 203} {
			testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
				id := srv.AddContacts(growthgenius.Contact{Email: "ada@acme.example"})[0].ID
				c := srv.NewClient()
				for name, do := range map[string]func() error{
					"get":    func() error { return testkit.Err(c.Contacts.Get(t.Context(), id)) },
					"list":   func() error { return testkit.Err(c.Contacts.List(t.Context(), testkit.Everything)) },
					"stream": func() error { return testkit.Err(testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything))) },
					"search": func() error {
						return testkit.Err(c.Contacts.Search(t.Context(), growthgenius.SearchOptions{}))
					},
					"update": func() error {
						return testkit.Err(c.Contacts.Update(t.Context(), id, growthgenius.ContactInput{Title: growthgenius.Set("CTO")}))
					},
					"create": func() error { return testkit.Err(c.Contacts.Create(t.Context(), testkit.Steve)) },
				} {
					fault := growthgeniustest.Fault{Status: status, Body: body, Commit: true, Times: 1}
					if body == "" {
						fault.Effect = growthgeniustest.EmptyBody
					}
					srv.Inject(fault)
					if err := do(); err != nil {
						t.Errorf("%s, %q at %d: %v", name, body, status, err)
					}
				}
				if n := len(srv.Contacts()); n != 2 {
					t.Errorf("%q at %d: %d contacts", body, status, n)
				}
			})
		}
	}
}
