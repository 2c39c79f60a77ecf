package engine_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

// conn is a connection over TLS with this protocol.
type conn struct {
	net.Conn

	protocol string
}

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
		p := policy
		p.MinBackoff, p.MaxBackoff = 0, 0
		out := newEngine(t, s, withRetry(p)).Do(t.Context(), post)
		text := "connection reset"
		if tt.stopped {
			text = "the server reset the request, and it is not known whether it was carried out"
		}
		if (out.Sent == 4) != tt.unsent || out.Ambiguous == tt.unsent || out.Err == nil || out.Err.Error() != text {
			t.Errorf("%s: %+v", name, out)
		}
	}
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

// TestHTTP2Reset: net/http does not send a request again that was sent whole, which it does
// without end after PROTOCOL_ERROR and a few times after REFUSED_STREAM. It may do so for a
// call that is free.
func TestHTTP2Reset(t *testing.T) {
	t.Parallel()
	for _, code := range []http2.ErrCode{http2.ErrCodeProtocol, http2.ErrCodeRefusedStream, http2.ErrCodeInternal} {
		for _, c := range []engine.Call{post, call, {Method: http.MethodGet, Free: true}} {
			t.Run(code.String()+" "+c.Method, func(t *testing.T) {
				t.Parallel()
				srv, requests := resets(t, code)
				target := *address
				target.Host = strings.TrimPrefix(srv.URL, "https://")
				c.URL, c.Once = &target, true
				transport := srv.Client().Transport.(*http.Transport)
				t.Cleanup(transport.CloseIdleConnections)
				out := newEngine(t, new(script), withTimeout(time.Second), func(cfg *engine.Config) { cfg.Transport = transport }).
					Do(t.Context(), c)
				if out.Err == nil || !out.Ambiguous || out.Sent != 1 {
					t.Errorf("%+v", out)
				}
				if n := requests.Load(); (n == 1) != (!c.Free || code == http2.ErrCodeInternal) {
					t.Errorf("sent %d times: %v", n, out.Err)
				}
			})
		}
	}
}
