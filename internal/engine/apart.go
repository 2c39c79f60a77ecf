package engine

import (
	"net/http"
	"time"
)

// transport returns the transport of the next attempt.
func (c *call) transport() http.RoundTripper {
	if c.timedOut {
		return apart(c.cfg.Transport)
	}
	return c.cfg.Transport
}

// apart returns a transport like t that shares no connection with it, and keeps none. It is
// for the attempts of a call after one that timed out: over HTTP/2, t would send them over
// the same connection, which may be dead. It returns t itself if that is not of net/http, or
// has an implementation of HTTP/2 of its own.
func apart(t http.RoundTripper) http.RoundTripper {
	original, ok := t.(*http.Transport)
	if !ok {
		return t
	}
	own := original.Clone()
	if own.TLSNextProto["h2"] != nil { // net/http does not clone its own
		return t
	}
	own.DisableKeepAlives = true      // the connection is closed after the response
	own.IdleConnTimeout = time.Second // or if it was made too late for the attempt
	return own
}
