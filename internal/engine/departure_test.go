package engine_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/net/http2"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

// conn is a connection over TLS with this protocol.
type conn struct {
	net.Conn

	protocol string
	closed   *int // counts; nil if it must not be closed
}

func (c conn) Close() error { *c.closed++; return nil }

func (c conn) ConnectionState() tls.ConnectionState {
	return tls.ConnectionState{NegotiatedProtocol: c.protocol}
}

// TestDeparture: what is concluded from what net/http reports of a request: whether it can
// have left, and whether it was about to be sent twice. A create is retried only if it
// cannot have left.
func TestDeparture(t *testing.T) {
	t.Parallel()
	over1, over2 := conn{protocol: "http/1.1"}, conn{protocol: "h2"}
	for name, tt := range map[string]struct {
		report  func(events)
		unsent  bool
		stopped bool
	}{
		"nothing":                    {func(events) {}, false, false},
		"no connection":              {func(e events) { e.sought() }, true, false},
		"a connection":               {func(e events) { e.sought(); e.got(over2) }, false, false},
		"a connection unasked":       {func(e events) { e.got(over2) }, false, false},
		"written":                    {func(e events) { e.sought(); e.got(over2); e.WroteHeaders() }, false, false},
		"another try, not written":   {func(e events) { e.got(over2); e.got(over2) }, false, false},
		"written twice over HTTP/1":  {func(e events) { e.got(over1); e.WroteHeaders(); e.got(over1) }, false, false},
		"written twice, no TLS":      {func(e events) { e.got(&net.TCPConn{}); e.WroteHeaders(); e.got(&net.TCPConn{}) }, false, false},
		"written, to be over HTTP/2": {func(e events) { e.got(over1); e.WroteHeaders(); e.got(over2) }, false, true},
		"written twice over HTTP/2":  {func(e events) { e.got(over2); e.WroteHeaders(); e.got(over2) }, false, true},
		"written twice, no TLS, over HTTP/1": {
			func(e events) {
				e.got(&net.TCPConn{})
				e.WroteHeaderField("Host", nil)
				e.WroteHeaders()
				e.got(&net.TCPConn{})
			}, false, false,
		},
		"written twice, no TLS, over HTTP/2": {
			func(e events) {
				e.got(&net.TCPConn{})
				e.WroteHeaderField(":authority", nil)
				e.WroteHeaderField("accept", nil)
				e.WroteHeaders()
				e.got(&net.TCPConn{})
			}, false, true,
		},
		"after a response": {
			func(e events) { e.got(over2); e.WroteHeaders(); e.GotFirstResponseByte(); e.got(over2) }, false, false,
		},
		"after 103": {
			func(e events) {
				e.got(over2)
				e.WroteHeaders()
				e.GotFirstResponseByte()
				_ = e.Got1xxResponse(103, nil)
				e.got(over2)
			}, false, true,
		},
	} {
		s := always(func(r *http.Request) (*http.Response, error) {
			tt.report(traced(r))
			if ended := r.Context().Err() != nil; ended != tt.stopped {
				t.Errorf("%s: stopped %t", name, ended)
			}
			return nil, errReset
		})
		out := newEngine(t, s, atOnce).Do(t.Context(), post)
		text := "connection reset"
		if tt.stopped {
			text = "the transport was about to send the request twice, and it is not known whether it was carried out"
		}
		if (out.Sent == 4) != tt.unsent || out.Ambiguous == tt.unsent || out.Err == nil || out.Err.Error() != text {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

// TestReadSentTwice: a GET is not sent twice over HTTP/1 either. The connection over which
// it would be sent is closed, unless others use it.
func TestReadSentTwice(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		protocol        string
		report          func(e events, c net.Conn)
		stopped, closed bool
	}{
		"not written":         {"http/1.1", func(e events, c net.Conn) { e.got(c); e.got(c) }, false, false},
		"no connection shown": {"http/1.1", func(e events, _ net.Conn) { e.got(nil); e.WroteHeaders(); e.got(nil) }, true, false},
		"written":             {"http/1.1", func(e events, c net.Conn) { e.got(c); e.WroteHeaders(); e.got(c) }, true, true},
		"after response":      {"http/1.1", func(e events, c net.Conn) { e.got(c); e.WroteHeaders(); e.GotFirstResponseByte(); e.got(c) }, false, false},
		"over HTTP/2":         {"h2", func(e events, c net.Conn) { e.got(c); e.WroteHeaders(); e.got(c) }, true, false},
	} {
		for _, c := range []engine.Call{call, free, {Method: http.MethodHead, URL: address}} {
			closed := 0
			s := always(func(r *http.Request) (*http.Response, error) {
				tt.report(traced(r), conn{protocol: tt.protocol, closed: &closed})
				if ended := r.Context().Err() != nil; ended != tt.stopped {
					t.Errorf("%s: stopped %t", name, ended)
				}
				return nil, errReset
			})
			c.Once = true
			out := newEngine(t, s).Do(t.Context(), c)
			want := errReset
			if tt.stopped {
				want = io.ErrUnexpectedEOF
			}
			if !errors.Is(out.Err, want) || !out.Ambiguous || closed > 0 != tt.closed {
				t.Errorf("%s: %+v, %d closed", name, out, closed)
			}
		}
	}
}

// TestHeadersAreWatched: the headers of a request, which show its protocol, are watched only if the
// transport does not show it.
func TestHeadersAreWatched(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scheme    string
		call      engine.Call
		transport *http.Transport
		want      bool
	}{
		{"https", post, new(http.Transport), false},
		{"https", free, new(http.Transport), false},
		{"http", post, new(http.Transport), true},
		{"http", free, new(http.Transport), false},
		{"http", free, unencrypted(t), true},
	} {
		dials := 0
		tt.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			dials++
			if got := httptrace.ContextClientTrace(ctx).WroteHeaderField != nil; got != tt.want {
				t.Errorf("%s %s: watched %t", tt.scheme, tt.call.Method, got)
			}
			return nil, errReset
		}
		tt.call.URL.Scheme, tt.call.Once = tt.scheme, true
		newEngine(t, new(script), func(cfg *engine.Config) { cfg.Transport = tt.transport }).Do(t.Context(), tt.call)
		if dials != 1 {
			t.Errorf("%s %s: %d dials", tt.scheme, tt.call.Method, dials)
		}
	}
}

// servedKey is the key of the number of requests that a connection has served.
type servedKey struct{}

// startClosing starts a server that closes a connection instead of responding to its second
// request, and counts requests and connections.
func startClosing(t *testing.T, start func(*httptest.Server), begins func()) (srv *httptest.Server, requests, conns *atomic.Int64) {
	t.Helper()
	requests, conns = new(atomic.Int64), new(atomic.Int64)
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.Context().Value(servedKey{}).(*atomic.Int64).Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
		begins()
		_, _ = io.WriteString(w, "{}")
	}))
	srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, servedKey{}, new(atomic.Int64))
	}
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	start(srv)
	t.Cleanup(srv.Close)
	return srv, requests, conns
}

// TestClosedConnection: a server that closes a connection instead of responding gets each GET
// once for each attempt of the SDK, which are those that the limiter knows of.
func TestClosedConnection(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		start func(*httptest.Server)
		wrap  func(http.RoundTripper) http.RoundTripper
	}{
		"plain":          {(*httptest.Server).Start, func(rt http.RoundTripper) http.RoundTripper { return rt }},
		"over TLS":       {(*httptest.Server).StartTLS, func(rt http.RoundTripper) http.RoundTripper { return rt }},
		"in a transport": {(*httptest.Server).Start, func(rt http.RoundTripper) http.RoundTripper { return wrapped{rt} }},
	} {
		for _, c := range []engine.Call{call, free} {
			t.Run(fmt.Sprint(name, " ", c.Free), func(t *testing.T) {
				t.Parallel()
				srv, requests, _ := startClosing(t, tt.start, func() {})
				waits := 0
				e := newEngine(t, new(script), withTimeout(time.Minute), atOnce,
					withLimiter(waiter(func(context.Context) error { waits++; return nil })),
					func(cfg *engine.Config) { cfg.Transport = tt.wrap(srv.Client().Transport) })
				c.URL = urlOf(t, srv)
				sent := 0
				for i := range 20 {
					out := e.Do(t.Context(), c)
					if out.Err != nil || i == 0 && out.Sent != 1 || i == 1 && out.Sent != 2 {
						t.Errorf("call %d: %+v", i, out)
					}
					sent += out.Sent
				}
				srv.Close() // which waits for requests that are under way
				if n := int(requests.Load()); n != sent || n != waits || n < 30 {
					t.Errorf("%d requests of %d attempts, %d waits for the limiter", n, sent, waits)
				}
			})
		}
	}
}

// TestDeadConnections: a GET succeeds although many of the connections that are kept are dead.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	const kept = 20
	var under sync.WaitGroup
	under.Add(kept)
	srv, _, conns := startClosing(t, (*httptest.Server).Start, func() {
		under.Done()
		under.Wait()
	})
	transport := srv.Client().Transport.(*http.Transport)
	transport.MaxIdleConnsPerHost = kept
	e := newEngine(t, new(script), withTimeout(time.Minute), atOnce, func(cfg *engine.Config) { cfg.Transport = transport })
	c := free
	c.URL = urlOf(t, srv)
	var all sync.WaitGroup
	for range kept {
		all.Go(func() {
			if out := e.Do(t.Context(), c); out.Err != nil {
				t.Errorf("%+v", out)
			}
		})
	}
	all.Wait()
	if conns.Load() != kept {
		t.Fatalf("%d connections", conns.Load())
	}
	under.Add(1)
	if out := e.Do(t.Context(), c); out.Err != nil || out.Sent != 2 {
		t.Errorf("%+v", out)
	}
}

// TestDialThatSendsRequests: a transport may send requests of its own while it dials, for example to
// find a server. They are no reason to stop the one that it dials for.
func TestDialThatSendsRequests(t *testing.T) {
	t.Parallel()
	srv, _, _ := startClosing(t, (*httptest.Server).Start, func() {})
	transport := srv.Client().Transport.(*http.Transport).Clone()
	lookups := 0
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		lookups++
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, http.NoBody)
		if err != nil {
			return nil, err
		}
		res, err := srv.Client().Do(req)
		if err != nil {
			return nil, err
		}
		_ = res.Body.Close()
		srv.Client().CloseIdleConnections()
		return net.Dial(network, addr)
	}
	defer transport.CloseIdleConnections()
	for _, c := range []engine.Call{call, free} {
		c.URL, c.Once = urlOf(t, srv), true
		transport.CloseIdleConnections()
		e := newEngine(t, new(script), withTimeout(time.Minute), func(cfg *engine.Config) { cfg.Transport = transport })
		if out := e.Do(t.Context(), c); out.Err != nil || out.Sent != 1 {
			t.Errorf("%+v", out)
		}
	}
	if lookups != 2 {
		t.Errorf("%d lookups", lookups)
	}
}

func urlOf(t *testing.T, srv *httptest.Server) url.URL {
	t.Helper()
	target, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return *target
}

// TestStoppedAndCanceled: if the caller's context has ended as well, that is the error.
func TestStoppedAndCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := always(func(r *http.Request) (*http.Response, error) {
		e := traced(r)
		e.got(conn{protocol: "h2"})
		e.WroteHeaders()
		e.got(conn{protocol: "h2"})
		cancel()
		return nil, r.Context().Err()
	})
	out := newEngine(t, s).Do(ctx, post)
	if !errors.Is(out.Err, context.Canceled) || strings.Contains(out.Err.Error(), "reset") || !out.Ambiguous {
		t.Errorf("%+v", out)
	}
}

// resets is an HTTP/2 server over TLS that receives each request whole, counts it, and
// resets its stream.
func resets(t *testing.T, code http2.ErrCode) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	requests := new(atomic.Int64)
	srv := httptest.NewUnstartedServer(nil)
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) { resetEach(c, code, requests) },
	}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv, requests
}

func resetEach(c net.Conn, code http2.ErrCode, requests *atomic.Int64) {
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(c, c)
	_ = framer.WriteSettings()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		ended := false
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			ended = frame.StreamEnded()
		case *http2.DataFrame:
			ended = frame.StreamEnded()
		}
		if ended {
			requests.Add(1)
			_ = framer.WriteRSTStream(frame.Header().StreamID, code)
		}
	}
}

// resetsPlain is resets without TLS. It returns the server's address.
func resetsPlain(t *testing.T, code http2.ErrCode) (string, *atomic.Int64) {
	t.Helper()
	requests := new(atomic.Int64)
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go resetEach(conn, code, requests)
		}
	}()
	return ln.Addr().String(), requests
}

// unencrypted returns a transport that speaks HTTP/2 without TLS.
func unencrypted(t *testing.T) *http.Transport {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// detached is a transport that sends its requests in a context of their own, so that nothing
// is reported of them.
type detached struct{ http.RoundTripper }

func (d detached) RoundTrip(r *http.Request) (*http.Response, error) {
	return d.RoundTripper.RoundTrip(r.WithContext(context.WithoutCancel(context.Background())))
}

// wrapped is a transport around another one.
type wrapped struct{ http.RoundTripper }

// TestHTTP2Reset: net/http does not send a request again that was sent whole, which it does
// without end after PROTOCOL_ERROR and a few times after REFUSED_STREAM. It makes no difference
// how HTTP/2 was switched on.
func TestHTTP2Reset(t *testing.T) {
	t.Parallel()
	const plain, overTLS = "http", "https"
	for _, way := range []struct {
		name, scheme string
		transport    func(*testing.T, *httptest.Server) http.RoundTripper
	}{
		{"over TLS", overTLS, func(t *testing.T, srv *httptest.Server) http.RoundTripper {
			t.Helper()
			t.Cleanup(srv.Client().Transport.(*http.Transport).CloseIdleConnections)
			return srv.Client().Transport
		}},
		{"unencrypted", plain, func(t *testing.T, _ *httptest.Server) http.RoundTripper { t.Helper(); return unencrypted(t) }},
		{"unencrypted, in a transport", plain, func(t *testing.T, _ *httptest.Server) http.RoundTripper {
			t.Helper()
			return wrapped{unencrypted(t)}
		}},
		{"x/net/http2", plain, func(t *testing.T, _ *httptest.Server) http.RoundTripper {
			t.Helper()
			transport := new(http2.Transport)                                                                             //nolint:staticcheck // programs still use it
			transport.AllowHTTP = true                                                                                    //nolint:staticcheck // the same
			transport.DialTLSContext = func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) { //nolint:staticcheck // the same
				return new(net.Dialer).DialContext(ctx, network, addr)
			}
			t.Cleanup(transport.CloseIdleConnections) //nolint:staticcheck // the same
			return transport
		}},
		{"detached", plain, func(t *testing.T, _ *httptest.Server) http.RoundTripper { t.Helper(); return detached{unencrypted(t)} }},
	} {
		for _, code := range []http2.ErrCode{http2.ErrCodeProtocol, http2.ErrCodeRefusedStream, http2.ErrCodeInternal} {
			for _, c := range []engine.Call{post, call, free} {
				if way.name == "detached" && c.Body == nil {
					continue // nothing can be known of these
				}
				t.Run(fmt.Sprint(way.name, " ", code, " ", c.Method, " ", c.Free), func(t *testing.T) {
					t.Parallel()
					c.URL.Scheme, c.Once = way.scheme, true
					var (
						srv      *httptest.Server
						requests *atomic.Int64
					)
					if way.scheme == overTLS {
						srv, requests = resets(t, code)
						c.URL.Host = strings.TrimPrefix(srv.URL, "https://")
					} else {
						c.URL.Host, requests = resetsPlain(t, code)
					}
					out := newEngine(t, new(script), withTimeout(time.Second), func(cfg *engine.Config) { cfg.Transport = way.transport(t, srv) }).
						Do(t.Context(), c)
					if out.Err == nil || !out.Ambiguous || out.Sent != 1 {
						t.Errorf("%+v", out)
					}
					if n := requests.Load(); n != 1 {
						t.Errorf("sent %d times: %v", n, out.Err)
					}
				})
			}
		}
	}
}

// TestBodyOnceRead: a request whose body was read may have left, whatever connections a
// transport did not get. A body that was not read is not handed out after the attempt.
func TestBodyOnceRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		read   func(*http.Request)
		unsent bool
	}{
		"not read": {func(*http.Request) {}, true},
		"closed":   {func(r *http.Request) { _ = r.Body.Close() }, true},
		"read":     {func(r *http.Request) { _, _ = io.ReadAll(r.Body) }, false},
		"opened":   {func(r *http.Request) { _, _ = r.GetBody() }, true},
		"opened and read": {func(r *http.Request) {
			body, err := r.GetBody()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.ReadAll(body)
		}, false},
	} {
		var last *http.Request
		s := always(func(r *http.Request) (*http.Response, error) {
			tt.read(r)
			last = r
			return refuse(r)
		})
		out := newEngine(t, s, atOnce).Do(t.Context(), post)
		if (out.Sent == 4) != tt.unsent || out.Ambiguous == tt.unsent {
			t.Errorf("%s: %+v", name, out)
		}
		if data, err := io.ReadAll(last.Body); tt.unsent && (err == nil || len(data) > 0) {
			t.Errorf("%s: %q can be sent later", name, data)
		}
		if _, err := last.GetBody(); tt.unsent && err == nil {
			t.Errorf("%s: the body can be opened later", name)
		}
	}
}

// TestBodyAgain: a transport may have the body once more before anything was sent, and after a
// response.
func TestBodyAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		report func(events)
		again  bool
	}{
		"nothing reported":    {func(events) {}, false},
		"no connection":       {func(e events) { e.sought() }, true},
		"not written":         {func(e events) { e.sought(); e.got(conn{protocol: "h2"}) }, true},
		"written over HTTP/2": {func(e events) { e.sought(); e.got(conn{protocol: "h2"}); e.WroteHeaders() }, false},
		"written over HTTP/1": {func(e events) { e.sought(); e.got(&net.TCPConn{}); e.WroteHeaders() }, false},
		"after a response": {func(e events) {
			e.sought()
			e.got(conn{protocol: "h2"})
			e.WroteHeaders()
			e.GotFirstResponseByte()
		}, true},
	} {
		s := always(func(r *http.Request) (*http.Response, error) {
			if body, _ := io.ReadAll(r.Body); !bytes.Equal(body, post.Body) {
				t.Errorf("%s: the body is %q", name, body)
			}
			tt.report(traced(r))
			body, err := r.GetBody()
			if (err == nil) != tt.again || (r.Context().Err() == nil) != tt.again {
				t.Errorf("%s: %v", name, err)
			}
			if err != nil {
				return nil, err
			}
			if again, _ := io.ReadAll(body); !bytes.Equal(again, post.Body) {
				t.Errorf("%s: the body is %q the second time", name, again)
			}
			return reply(200, "{}"), nil
		})
		out := newEngine(t, s).Do(t.Context(), post)
		if (out.Response != nil) != tt.again || out.Ambiguous == tt.again || out.Sent != 1 {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

// TestWithoutABody: a request without a body is known not to have left only if its own
// connection was looked for, and no other.
func TestWithoutABody(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		report func(events)
		unsent bool
	}{
		"its own":         {func(e events) { e.GetConn("api.example.com:443") }, true},
		"another host":    {func(e events) { e.GetConn("auth.example.com:443") }, false},
		"another port":    {func(e events) { e.GetConn("api.example.com:80") }, false},
		"two of its own":  {func(e events) { e.sought(); e.sought() }, false},
		"another one too": {func(e events) { e.GetConn("auth.example.com:443"); e.sought() }, false},
	} {
		s := always(func(r *http.Request) (*http.Response, error) {
			tt.report(traced(r))
			return nil, errReset
		})
		c := call
		c.Class, c.Once = engine.Unsent, true
		if out := newEngine(t, s).Do(t.Context(), c); out.Ambiguous == tt.unsent {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

// TestUnsentWithAResponse: a response shows that the request has left, whatever a side request
// of the transport did.
func TestUnsentWithAResponse(t *testing.T) {
	t.Parallel()
	s := always(func(r *http.Request) (*http.Response, error) {
		traced(r).sought()
		return streaming(iotest.ErrReader(errReset)), nil
	})
	if out := newEngine(t, s).Do(t.Context(), post); out.Sent != 1 || !out.Ambiguous {
		t.Errorf("%+v", out)
	}
}
