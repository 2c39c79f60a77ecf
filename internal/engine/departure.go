package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// departure is the request of an attempt, and observes how far that gets: whether it can have left
// this machine, and whether the transport is about to send it twice.
//
// What net/http reports may be about another request: a transport of the program may make
// some of its own in the same context, for example for a token, or send this one without
// any report. What is known for sure is whether the body was read.
type departure struct {
	request http.Request // by value, as is what follows, so that they need no memory of their own
	header  [4]string    // the values of its header that the engine sets
	trace   httptrace.ClientTrace

	stop   context.CancelFunc
	target *url.URL
	body   []byte // nil for none
	own    bool   // the transport is one of net/http: it sends this request and no other
	reads  bool   // the method is one of replayed

	got, wrote, again atomic.Bool
	http2             atomic.Bool  // the connection is known to be one of HTTP/2
	sought, elsewhere atomic.Int32 // connections that were looked for, and those to other hosts

	mu     sync.Mutex // guards read and sealed
	read   bool       // some of the body
	sealed bool       // no more of the body is handed out
}

var (
	// errNotSentAgain is the error of an attempt whose request was about to be sent twice.
	errNotSentAgain = errors.New("the transport was about to send the request twice, and it is not known whether it was carried out")
	// errClosed is the same for a read, which is retried.
	errClosed = fmt.Errorf("the connection was closed, or the request reset, before there was a response: %w", io.ErrUnexpectedEOF)
	errSealed = errors.New("the attempt has ended: its body may not be sent any more")
)

// replayed are the methods of the requests that net/http sends again over HTTP/1, if a connection
// that was used before is closed before there is a response.
var replayed = []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace}

// watchDeparture observes whether a request leaves, and calls stop if it is about to be sent
// twice, past the limiter and the retry policy. Over HTTP/2, net/http would send any request
// that the server resets with PROTOCOL_ERROR again and again, and once more after a GOAWAY,
// even if all of the request had been sent. Over HTTP/1, it would do so with those of some methods.
func (c *call) watchDeparture(ctx context.Context, stop context.CancelFunc) (context.Context, *departure) {
	transport, own := c.cfg.Transport.(*http.Transport)
	d := &departure{stop: stop, target: &c.URL, body: c.Body, own: own, reads: slices.Contains(replayed, c.Method)}
	d.trace = httptrace.ClientTrace{
		GotConn:      d.gotConn,
		WroteHeaders: d.sent,
		// After a response, only the transport itself sends a request again, and it has
		// read the response. Or the request was one that a dial of the program made.
		GotFirstResponseByte: func() { d.wrote.Store(false) },
	}
	if !c.Free {
		d.trace.GetConn = d.getConn
		d.trace.Got1xxResponse = func(int, textproto.MIMEHeader) error { d.sent(); return nil }
	}
	if !d.knowsProtocol(transport) {
		d.trace.WroteHeaderField = d.wroteField // takes an allocation per header
	}
	return httptrace.WithClientTrace(ctx, &d.trace), d
}

// sent is called when the head of the request was written.
func (d *departure) sent() { d.wrote.Store(true) }

// knowsProtocol reports whether the connection alone shows its protocol. Over TLS net/http
// uses HTTP/2 only if that was negotiated. Without TLS, and with another transport, any
// connection may be one of HTTP/2. For a read, the transport's settings are proof enough.
func (d *departure) knowsProtocol(t *http.Transport) bool {
	return d.own && (d.target.Scheme == "https" || d.reads && (t.Protocols == nil || !t.Protocols.UnencryptedHTTP2()))
}

// getConn is called when a connection is looked for.
func (d *departure) getConn(hostPort string) {
	d.sought.Add(1)
	port := d.target.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[d.target.Scheme]
	}
	if !strings.EqualFold(hostPort, net.JoinHostPort(d.target.Hostname(), port)) {
		d.elsewhere.Add(1)
	}
}

// gotConn is called when there is a connection.
func (d *departure) gotConn(info httptrace.GotConnInfo) {
	d.got.Store(true)
	c, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState })
	negotiated := ok && c.ConnectionState().NegotiatedProtocol == "h2"
	isHTTP2 := negotiated || d.http2.Load()
	// Over HTTP/1, net/http sends a request again only if none of it was flushed, or if it is a
	// read: of those, one that was not flushed cannot be told apart.
	if d.wrote.Load() && (isHTTP2 || d.reads) {
		d.again.Store(true)
		d.stop()
		if !isHTTP2 && info.Conn != nil {
			// net/http would send the request over it although the context has ended. The
			// documentation of httptrace forbids a hook to close a connection. This one is no
			// loss: over HTTP/1, no other request uses it at the same time.
			_ = info.Conn.Close()
		}
	}
	d.http2.Store(negotiated)
}

// wroteField is called for each header. Only HTTP/2 has pseudo-headers, such as ":path".
func (d *departure) wroteField(name string, _ []string) {
	if strings.HasPrefix(name, ":") {
		d.http2.Store(true)
	}
}

// prepare gives the request of the attempt a body that is observed. A transport of net/http
// reports all that it does, and can send another body in one piece with the head.
func (d *departure) prepare(req *http.Request) {
	if d.body != nil && !d.own {
		req.Body, req.GetBody = &content{of: d, from: bytes.NewReader(d.body)}, d.reopen
	}
}

// reopen returns the body once more, to a transport that is about to send the request again.
// It refuses if the request may have left without a response. Over HTTP/1, net/http sends a
// request again only if none of it was flushed, and it flushes the head before it reads such
// a body.
func (d *departure) reopen() (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	unreported := d.sought.Load() == 0 && !d.got.Load()
	if d.sealed || d.read && (unreported || d.wrote.Load()) {
		d.again.Store(true)
		d.stop()
		return nil, errNotSentAgain
	}
	return &content{of: d, from: bytes.NewReader(d.body)}, nil
}

// content is the body of a request.
type content struct {
	of   *departure
	from *bytes.Reader
}

// Read implements [io.Reader].
func (c *content) Read(p []byte) (int, error) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.of.sealed {
		return 0, errSealed
	}
	c.of.read = true
	return c.from.Read(p)
}

// Close implements [io.Closer].
func (c *content) Close() error { return nil }

// refuted reports whether the request provably never left: a connection was looked for, and
// there was none. A transport of the program must not have read a byte of the body either, or
// have looked for any connection but that of a request without one.
func (d *departure) refuted() bool {
	switch {
	case d.sought.Load() == 0 || d.got.Load():
		return false
	case d.own:
		return true
	case d.body == nil:
		return d.sought.Load() == 1 && d.elsewhere.Load() == 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sealed = true
	return !d.read
}

// stopped returns the error of a request that was about to be sent again, or nil.
func (d *departure) stopped() error {
	switch {
	case !d.again.Load():
		return nil
	case d.reads:
		return errClosed
	default:
		return errNotSentAgain
	}
}
