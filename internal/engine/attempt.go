package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// attempt is how one request ended: with a response or an error.
type attempt struct {
	res *Response
	err error
	// unsent means that the request provably never left this machine. A transport that does
	// not report that it looks for a connection proves nothing.
	unsent bool
	// hollow means that the response is a success without the JSON that the API would send.
	hollow bool
}

// String is the status of the response, or the error.
func (a attempt) String() string {
	if a.res != nil {
		text := fmt.Sprintf("%d %s", a.res.Status, http.StatusText(a.res.Status))
		if a.hollow {
			text += ", " + withoutJSON
		}
		return text
	}
	return a.err.Error()
}

const withoutJSON = "without JSON"

// attempt makes one attempt. It sends the request and reads the whole body, so that an
// attempt whose response is cut short has failed. Of an error response, the status counts,
// whatever becomes of the body, unless the caller's context has ended.
func (c *call) attempt(req *http.Request) (*http.Response, error) {
	if err := c.leave(req.Context()); err != nil {
		return nil, err
	}
	c.attempts++
	outer, begun := c.begins(req.Context()), time.Now()
	c.begun = begun
	wait := &c.patience
	ctx := wait.begin(outer, c.cfg.Timeout)
	defer func() {
		if !c.streams {
			wait.end()
		}
	}()
	ctx, left := c.watchDeparture(ctx, wait.cancel)
	left.request = *req.WithContext(ctx)
	req = &left.request
	left.prepare(req)
	// Each attempt has a header of its own: a transport may change it, though it should not.
	req.Header = c.newHeader(left, req.ContentLength > 0)
	req.Host = req.URL.Host // set this late: otherwise net/http's client clones the URL
	res, err := c.roundTrip(req)
	arrived := err == nil
	if arrived {
		received := c.received(res, begun) //nolint:contextcheck // c.ctx is that of the call
		streams := c.Stream != nil && c.last.res.Succeeded()
		res.Body = plain(res, streams)
		switch {
		case !c.last.res.Succeeded():
			if err = c.last.res.readError(res, maxErrorBody+int64(c.cfg.Redact.Room())); c.ctx.Err() == nil {
				err = nil
			}
			c.cfg.Date(begun, received, c.last.res)
			c.apart = c.apart || wait.over()
		case streams:
			err = c.stream(wait, res)
			c.streams = err == nil
		default:
			err = c.last.res.read(res, c.limit())
		}
	}
	if err == nil {
		if c.last.hollow = c.isHollow(c.last.res); c.last.hollow && c.streams {
			_ = res.Body.Close()
			c.streams = false
		}
		res.Body = http.NoBody // it was read, or is read by the caller
	} else {
		if err = c.explain(wait, err); c.ctx.Err() == nil {
			err = cmp.Or(left.stopped(), err)
		}
		c.last = attempt{err: err, unsent: !arrived && left.refuted()}
		c.apart = c.apart || isAnyTimeout(err) || errors.Is(err, errClosed)
		res = nil
	}
	c.log(outer, begun)
	return res, err
}

// leave reports that a request is about to leave. It returns an error if none may.
//
// If that takes longer than usual, as while a database stalls, others have waited for the same,
// and would leave at the same moment. So the request waits for another turn, unless what was
// read just before it would be out of date then.
func (c *call) leave(ctx context.Context) error {
	if c.Leave == nil {
		return nil
	}
	for begun := time.Now(); ; {
		c.stopped = cmp.Or(c.Leave(), ctx.Err())
		if c.stopped != nil || c.Recheck != nil || !c.cfg.Gate.Late(time.Since(begun)) {
			return c.stopped
		}
		if c.stopped = c.gate(ctx); c.stopped != nil {
			return c.stopped
		}
		begun = time.Now()
	}
}

// received notes the head of a response to a request that was sent then, and reports it to
// all that learn from it. It returns the time.
func (c *call) received(res *http.Response, sent time.Time) time.Time {
	now := time.Now()
	c.last, c.status = attempt{res: &Response{Status: res.StatusCode, Header: res.Header}}, int32(res.StatusCode) //nolint:gosec // it has three digits
	if c.last.res.Succeeded() {
		c.cfg.Date(sent, now, c.last.res)
	}
	asked, _ := c.last.res.RetryAfter(now)
	status := res.StatusCode
	if c.Class.throttled(c.last.res) {
		status = http.StatusTooManyRequests
	}
	c.answered(sent, status, asked)
	return now
}

// newHeader makes the header of one attempt.
func (c *call) newHeader(left *departure, hasBody bool) http.Header {
	header := make(http.Header, len(c.Header)+4)
	for name, values := range c.Header {
		header[name] = slices.Clone(values)
	}
	own := &left.header
	*own = [...]string{"application/json", c.cfg.Authorization(), c.cfg.UserAgent, "application/json"}
	header["Accept"], header["Authorization"] = own[0:1:1], own[1:2:2]
	if header.Get("User-Agent") == "" {
		header["User-Agent"] = own[2:3:3]
	}
	if hasBody {
		header["Content-Type"] = own[3:4:4]
	}
	return header
}

// roundTrip sends a request with the cookies of the jar, and keeps those of the response.
//
// It accepts from a transport what net/http's client accepts: a response without a body,
// and neither a response nor an error.
func (cfg *Config) roundTrip(transport http.RoundTripper, req *http.Request) (*http.Response, error) {
	if cfg.Cookies != nil {
		for _, cookie := range cfg.Cookies.Cookies(req.URL) {
			req.AddCookie(cookie)
		}
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		if res != nil && res.Body != nil { // there should be none
			_ = res.Body.Close()
		}
		return nil, err
	}
	if res == nil {
		return nil, fmt.Errorf("the transport (%T) returned neither a response nor an error", transport)
	}
	if cfg.Cookies != nil {
		if cookies := res.Cookies(); len(cookies) > 0 {
			cfg.Cookies.SetCookies(req.URL, cookies)
		}
	}
	if res.Body == nil {
		res.Body = http.NoBody
	}
	return res, nil
}

// limit bounds a response that is not streamed.
func (c *call) limit() int64 {
	if c.MaxBytes > 0 {
		return min(c.cfg.MaxBytes, c.MaxBytes)
	}
	return c.cfg.MaxBytes
}

// stream reads a body as far as its first element.
func (c *call) stream(wait *patience, res *http.Response) error {
	c.last.res.Body = make([]byte, 0, redact.MaxBody+c.cfg.Redact.Room())
	wait.timer.Stop() // each read starts it
	if err := c.Stream(&Body{patience: wait, call: c, res: c.last.res, from: res.Body}); err != nil {
		_ = res.Body.Close()
		return err
	}
	return nil
}
