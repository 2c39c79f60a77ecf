package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
)

// departure is what net/http reports of a request's way to a connection.
type departure struct {
	trace                     httptrace.ClientTrace
	stop                      context.CancelFunc
	sought, got, wrote, again atomic.Bool
}

// errNotSentAgain is the error of an attempt that net/http was about to send twice.
var errNotSentAgain = errors.New("the server reset the request, and it is not known whether it was carried out")

// watchDeparture observes whether a request leaves, and calls stop if net/http is about to
// send it twice. Over HTTP/2 it would send any request that the server resets with
// PROTOCOL_ERROR again and again, and once more after a GOAWAY, even if all of the request
// had been sent.
func watchDeparture(ctx context.Context, stop context.CancelFunc) (context.Context, *departure) {
	d := &departure{stop: stop}
	d.trace = httptrace.ClientTrace{
		GetConn:      func(string) { d.sought.Store(true) },
		GotConn:      d.gotConn,
		WroteHeaders: func() { d.wrote.Store(true) },
		// After a response, only the transport itself sends a request again, and it has
		// read the response.
		GotFirstResponseByte: func() { d.wrote.Store(false) },
		Got1xxResponse:       func(int, textproto.MIMEHeader) error { d.wrote.Store(true); return nil },
	}
	return httptrace.WithClientTrace(ctx, &d.trace), d
}

// gotConn is called when the request gets a connection.
func (d *departure) gotConn(info httptrace.GotConnInfo) {
	d.got.Store(true)
	// Over HTTP/1, net/http sends a request again only if none of it was flushed.
	if d.wrote.Load() && isHTTP2(info.Conn) {
		d.again.Store(true)
		d.stop()
	}
}

func isHTTP2(conn net.Conn) bool {
	c, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	return ok && c.ConnectionState().NegotiatedProtocol == "h2"
}

// refuted reports whether the request provably never left. A nil departure proves nothing.
func (d *departure) refuted() bool { return d != nil && d.sought.Load() && !d.got.Load() }

// stopped reports whether the request was about to be sent again.
func (d *departure) stopped() bool { return d != nil && d.again.Load() }
