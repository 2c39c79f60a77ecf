// Package engine makes one call over HTTP: its requests, the waits before them, their
// timeouts, and retries that do no harm.
//
// It knows the statuses and headers of HTTP, and no resource, record or error type of the
// API: the caller builds the URL and the body, and makes an error of a response that is not
// a success. It is the only package that uses go-retryablehttp.
package engine

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/growthgenius/growthgenius-go/internal/pace"
	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// Config is what all calls of an engine share.
type Config struct {
	Transport     http.RoundTripper
	Cookies       http.CookieJar // nil for none
	Authorization func() string  // returns the header; nothing can print the key this way
	UserAgent     string
	Timeout       time.Duration // of an attempt; if its body is streamed, of its head and each read
	TimeoutSetBy  string        // the option that set Timeout, for error messages
	MaxBytes      int64         // of a success; if it is streamed, of each element
	Retry         Policy
	Gate          *pace.Gate
	Budget        *pace.Budget
	Redact        redact.Redactor
	Logger        *slog.Logger // nil for none
	// Date is called for each response, and with the times when the request was sent and the
	// response's head was received. A success has no body yet, since that may be streamed.
	Date func(sent, received time.Time, res *Response)
}

// Call is what is particular to one call.
type Call struct {
	Method string
	Route  string // the template of the path, for logs and for [Route]
	URL    url.URL
	Header http.Header // in addition to what the engine sets; not modified
	Body   []byte      // JSON; nil for none
	Class  Class
	Once   bool // it is not retried
	Free   bool // it makes no difference whether a request has left that got no response
	Split  bool // it is not retried if the server is slow: its caller asks for less instead
	// Content means that a success must have a body: an empty one is tried again, as a page
	// is that a proxy has put in place of JSON.
	Content  bool
	Queued   bool  // status 202 means that the result comes later, and needs no body
	Sent     int   // how many requests of the call were sent before
	MaxBytes int64 // a tighter bound than the engine's; 0 for that one
	// Recheck is called before the request is sent again if an earlier attempt may have been
	// carried out. The first of those began at since. An error ends the call, and is its Err.
	Recheck func(since time.Time) error
	// Leave is called right before each request, after all waits; nil for none. If it returns
	// an error, nothing is sent, and the call fails with that.
	Leave func() error
	// Watch is told how the call goes; nil for none.
	Watch Watcher
	// Stream makes the body of a success a streamed one. It reads the body as
	// far as the first element, as a part of the attempt: if it fails, the attempt has
	// failed. The body must be closed if Do returns the response.
	Stream func(*Body) error
}

// Outcome is how a call ended: with a Response or an Err.
type Outcome struct {
	// Response is the last response, whatever its status.
	Response *Response
	// Err means that the last attempt got no response, or that a wait was cut short. It
	// matches the error of the caller's context if that has ended.
	Err error
	// Ended is the error of the caller's context if that has ended and the status of
	// Response is one that is retried. It is nil if Response is.
	Ended error
	// GaveUp is why there was no other attempt, if that does not follow from the Response
	// or Err: "not tried again: ...". The caller adds it to its error.
	GaveUp string
	// Sent is how many requests of the call were sent, those of Call.Sent included.
	Sent int
	// Ambiguous means that a request may have been carried out although its response does
	// not confirm it, or did not arrive.
	Ambiguous bool
}

// Engine makes calls. It is safe for concurrent use.
type Engine struct {
	cfg  Config
	loop retryablehttp.Client
}

// New returns an engine.
func New(cfg Config) *Engine {
	return &Engine{cfg: cfg, loop: retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     attempts{},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax: cfg.Retry.MaxAttempts,
		CheckRetry: func(ctx context.Context, _ *http.Response, _ error) (bool, error) {
			return callOf(ctx).checkRetry(ctx), nil
		},
		// Backoff does not get the request, and so cannot know the call: PrepareRetry waits.
		Backoff:      func(time.Duration, time.Duration, int, *http.Response) time.Duration { return 0 },
		PrepareRetry: func(r *http.Request) error { return callOf(r.Context()).wait(r.Context()) },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}}
}

// attempts is the transport under the retry loop.
type attempts struct{}

func (attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	return callOf(req.Context()).attempt(req)
}

// Do sends the request of a call when the gate lets it, and retries it if that does no
// harm. It returns when a response has arrived with its whole body, or none will.
func (e *Engine) Do(ctx context.Context, spec Call) Outcome {
	c := &call{Call: spec, cfg: &e.cfg, began: time.Now()}
	c.Class = c.Class.Of(c.Method)
	c.ctx = callContext{ctx, c}
	c.newRequest()                         //nolint:contextcheck // c.ctx is ctx with the call in it
	if err := c.gate(&c.ctx); err != nil { //nolint:contextcheck // the same
		return c.unsent(err)
	}
	res, err := e.loop.Do(&c.request)
	if res != nil {
		_ = res.Body.Close() // the attempt has read it
	}
	return c.outcome(err) //nolint:contextcheck // the same
}
