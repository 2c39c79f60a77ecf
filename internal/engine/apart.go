package engine

import (
	"net/http"
	"time"
)

// roundTrip sends the request of an attempt.
func (c *call) roundTrip(req *http.Request) (*http.Response, error) {
	if c.apart {
		if own := apart(c.cfg.Transport); own != nil {
			res, err := c.cfg.roundTrip(own, req)
			if err != nil {
				own.CloseIdleConnections() // this ends a dial that is still under way
			}
			return res, err
		}
	}
	return c.cfg.roundTrip(c.cfg.Transport, req)
}

// apart returns a transport like t that shares no connection with it, and keeps none. It is
// for the attempts of a call after one that timed out, or whose connection was closed. Over
// HTTP/2, t would send them over the same connection, which may be dead, and over HTTP/1 over
// another one that may be. It returns nil if t is not of net/http, or has an implementation of
// HTTP/2 of its own.
func apart(t http.RoundTripper) *http.Transport {
	original, ok := t.(*http.Transport)
	if !ok {
		return nil
	}
	own := original.Clone()
	if own.TLSNextProto["h2"] != nil { // net/http does not clone its own
		return nil
	}
	own.DisableKeepAlives = true      // the connection is closed after the response
	own.IdleConnTimeout = time.Second // or if it was made too late for the attempt
	return own
}
