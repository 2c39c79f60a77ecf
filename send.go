package growthgenius

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/pace"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/hashicorp/go-retryablehttp"
)

// response is an answer with its whole body.
type response struct {
	status int
	header http.Header
	body   []byte
	buffer *bodyBuffer // what body is in
}

// bodyBuffer reads a body up to a bound.
type bodyBuffer struct {
	bytes.Buffer
	from io.LimitedReader
}

// bodies are buffers of answers that have been decoded.
var bodies = sync.Pool{New: func() any { return new(bodyBuffer) }}

// mostKept bounds the buffers that are kept for later.
const mostKept = 64 << 10

// isPage reports whether the body is HTML or XML, such as a proxy's, which says nothing of
// what was asked for.
func (r *response) isPage() bool { return bytes.HasPrefix(bytes.TrimSpace(r.body), []byte("<")) }

// release gives the body back once it has been decoded. Nothing decoded refers to it.
func (r *response) release() {
	if r.buffer != nil && r.buffer.Cap() <= mostKept {
		r.buffer.Reset()
		bodies.Put(r.buffer)
	}
	r.body, r.buffer = nil, nil
}

// attempt is how one request ended: with an answer or an error.
type attempt struct {
	res *response
	err error
	// unsent says that the request provably never left this machine: net/http looked for
	// a connection and never got one. A transport that does not tell proves nothing.
	unsent bool
}

// sender sends one call. It is the context of the call's requests, so that the transport
// and the retry policy of the client's one go-retryablehttp client find it there, and of
// what is done for them: a limiter or a logger may ask for the route.
type sender struct {
	context.Context //nolint:containedctx // the caller's, which this one extends

	core    *core
	method  string
	route   string
	class   replayClass
	noRetry bool
	before  int // attempts of the call before this sender's
	splits  bool
	free    bool // to be sent as often as net/http likes
	open    func(*streamBody) error
	// Behind pointers, since this is a context, which anybody may print.
	options *callOptions
	request *http.Request

	attempts  int
	last      attempt
	verdict   verdict
	spent     int  // on retries, from the budget
	ambiguous bool // some attempt may have been carried out
}

type senderKey struct{}

// Value knows the call, and the route for those who ask by RouteFromContext.
func (s *sender) Value(key any) any {
	switch key.(type) {
	case senderKey:
		return s
	case routeKey:
		return s.route
	default:
		return s.Context.Value(key)
	}
}

func senderOf(ctx context.Context) *sender { return ctx.Value(senderKey{}).(*sender) }

// newEngine is the retry loop that all calls of a client share.
func newEngine(c *core) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     attempts{},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax: c.retry.MaxAttempts,
		CheckRetry: func(ctx context.Context, _ *http.Response, err error) (bool, error) {
			return senderOf(ctx).checkRetry(ctx, err), nil
		},
		Backoff:      func(time.Duration, time.Duration, int, *http.Response) time.Duration { return 0 }, // it is not told the call
		PrepareRetry: func(r *http.Request) error { return senderOf(r.Context()).backoff(r.Context()) },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// attempts is the transport under the retry loop.
type attempts struct{}

func (attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	return senderOf(req.Context()).attempt(req)
}

// send waits for the limiter, sends the request, and tries again where that does no harm.
func (s *sender) send(req *retryablehttp.Request) (*response, error) {
	if err := s.core.gate.Wait(req.Context()); err != nil {
		return nil, s.failed(errs.WithContext(err, s.Err()))
	}
	res, err := s.core.engine.Do(req)
	if res != nil {
		_ = res.Body.Close() // the attempt has read it
	}
	return s.result(err)
}

// result turns the last attempt into what the call returns. err is that of the retry
// loop: of the last attempt, or of a wait that the context cut short.
func (s *sender) result(err error) (*response, error) {
	last := s.last
	if last.res != nil && !s.verdict.again {
		if last.res.status < 300 {
			s.core.budget.Succeeded(s.spent)
		}
		return last.res, nil
	}
	if last.res == nil && last.err != nil && !s.verdict.again {
		return nil, s.failed(errs.WithContext(last.err, s.Err()))
	}
	// The context or the limiter ended the wait for another attempt.
	return nil, s.failed(errs.WithContext(fmt.Errorf("%w while waiting to try again after: %s", s.core.redact.Err(err), s.describe()), s.Err()))
}

// info is what CaptureResponse tells of an answer to a call that began then.
func (s *sender) info(res *response, began time.Time) ResponseInfo {
	return ResponseInfo{
		StatusCode: res.status,
		Header:     res.header,
		RequestID:  requestID(res.header),
		Attempts:   s.before + s.attempts,
		Duration:   time.Since(began),
	}
}

// failed is the error of a call that got no answer.
func (s *sender) failed(err error) error {
	if s.verdict.why != "" {
		err = fmt.Errorf("%w; %s", err, s.verdict.why)
	}
	return &callError{s.method, s.route, err}
}

func (s *sender) describe() string {
	if s.last.res != nil {
		return fmt.Sprintf("%d %s", s.last.res.status, http.StatusText(s.last.res.status))
	}
	return s.last.err.Error()
}

// attempt makes one attempt: it sends the request and reads the whole body, so that an
// answer cut short is a failed attempt.
func (s *sender) attempt(req *http.Request) (*http.Response, error) {
	s.attempts++
	begun, call := time.Now(), req.Context()
	ctx, wait := newPatience(call, s.core.attemptTimeout)
	var kept *streamBody
	defer func() {
		if kept == nil {
			wait.end()
		}
	}()
	var left *departure
	if !s.free {
		ctx, left = watchDeparture(ctx, wait.cancel)
	}
	req = req.WithContext(ctx)
	// Each attempt has its own: a transport may change them, though it should not.
	req.Header = s.core.newHeader(s.options, req.ContentLength > 0)
	req.Host = req.URL.Host // had it been there before, net/http's client would have copied the URL
	res, err := s.core.roundTrip(req)
	if err == nil {
		s.last = attempt{res: &response{status: res.StatusCode, header: res.Header}}
		s.core.clock.observe(begun, time.Now(), res.Header.Get("Date"))
		asked, _ := retryAfter(res.Header, time.Now())
		s.core.gate.Answered(begun, res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusServiceUnavailable, asked)
		if s.open != nil && res.StatusCode < 300 {
			kept, err = s.stream(wait, res)
		} else {
			err = s.last.res.read(res, s.limit())
		}
		if err == nil {
			res.Body = http.NoBody
			s.log(call, begun)
			return res, nil
		}
	}
	if err = s.explain(wait, err); s.Err() == nil && left.stopped() {
		err = errNotSentAgain
	}
	s.last = attempt{err: err, unsent: left.refuted()}
	s.log(call, begun)
	return nil, s.last.err
}

// roundTrip sends the cookies of the user's jar and keeps those of the answer. It takes
// what net/http's client takes of a transport, such as one for tests: an answer without a
// body, and neither an answer nor an error.
func (c *core) roundTrip(req *http.Request) (*http.Response, error) {
	if c.cookies != nil {
		for _, cookie := range c.cookies.Cookies(req.URL) {
			req.AddCookie(cookie)
		}
	}
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		if res != nil && res.Body != nil { // it may not be there, but then it is to be closed
			_ = res.Body.Close()
		}
		return nil, err
	}
	if res == nil {
		return nil, fmt.Errorf("the transport (%T) returned neither an answer nor an error", c.transport)
	}
	if c.cookies != nil {
		if cookies := res.Cookies(); len(cookies) > 0 {
			c.cookies.SetCookies(req.URL, cookies)
		}
	}
	if res.Body == nil {
		res.Body = http.NoBody
	}
	return res, nil
}

// departure is what net/http tells of a request's way to a connection.
type departure struct {
	trace                     httptrace.ClientTrace
	stop                      context.CancelFunc
	sought, got, wrote, again atomic.Bool
}

// errNotSentAgain is the end of an attempt that net/http was about to make twice.
var errNotSentAgain = errors.New("the server reset the request, and it is not known whether it was carried out")

// watchDeparture also sees to it that the request is not sent twice. Over HTTP/2 net/http
// sends any request again, without end, that the server resets with PROTOCOL_ERROR, and
// once more after a GOAWAY, although all of it was sent.
func watchDeparture(ctx context.Context, stop context.CancelFunc) (context.Context, *departure) {
	d := &departure{stop: stop}
	d.trace = httptrace.ClientTrace{
		GetConn:      func(string) { d.sought.Store(true) },
		GotConn:      d.gotConn,
		WroteHeaders: func() { d.wrote.Store(true) },
		// An answer: whatever is sent now is sent by the transport itself, which has read it.
		GotFirstResponseByte: func() { d.wrote.Store(false) },
		Got1xxResponse:       func(int, textproto.MIMEHeader) error { d.wrote.Store(true); return nil },
	}
	return httptrace.WithClientTrace(ctx, &d.trace), d
}

func (d *departure) gotConn(info httptrace.GotConnInfo) {
	d.got.Store(true)
	if d.wrote.Load() && isHTTP2(info.Conn) { // over HTTP/1 what was written may have been flushed nowhere
		d.again.Store(true)
		d.stop()
	}
}

func isHTTP2(conn net.Conn) bool {
	c, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	return ok && c.ConnectionState().NegotiatedProtocol == "h2"
}

// refuted reports whether the request provably never left.
func (d *departure) refuted() bool { return d != nil && d.sought.Load() && !d.got.Load() }

// stopped reports whether the request was about to be sent again.
func (d *departure) stopped() bool { return d != nil && d.again.Load() }

// limit bounds the answer.
func (s *sender) limit() int64 {
	if s.splits {
		return min(s.core.maxBytes, windowBytes)
	}
	return s.core.maxBytes
}

// stream reads a body as far as its first element.
func (s *sender) stream(wait *patience, res *http.Response) (*streamBody, error) {
	s.last.res.body = make([]byte, 0, redact.MaxBody+s.core.redact.Room())
	wait.timer.Stop()
	b := &streamBody{
		patience: wait, res: s.last.res, body: res.Body, limit: s.core.maxBytes,
		explain: func(err error) error { return s.explain(wait, err) },
	}
	if err := s.open(b); err != nil {
		_ = res.Body.Close()
		return nil, err
	}
	return b, nil
}

// explain tells the end of the caller's context from the attempt's own timeout, which
// net/http reports in the same words.
func (s *sender) explain(wait *patience, err error) error {
	if ctxErr := s.Err(); ctxErr != nil {
		return ctxErr
	}
	if wait.over() || errs.IsContext(err) {
		return timeoutError{s.core.attemptTimeout}
	}
	err = unwrapURLError(err)
	if query, text := s.request.URL.RawQuery, err.Error(); query != "" && strings.Contains(text, query) {
		cause := err
		err = quotedQueryError{strings.ReplaceAll(text, query, "[query]"), func(target error) bool { return errors.Is(cause, target) }}
	}
	return s.core.redact.Err(err)
}

// quotedQueryError is an error in words that leave out the query, which its cause quotes. So the
// cause can be asked for, and not printed.
type quotedQueryError struct {
	text string
	is   func(target error) bool
}

func (e quotedQueryError) Error() string        { return e.text }
func (e quotedQueryError) Is(target error) bool { return e.is(target) }

// read reads a body up to a bound and closes it.
func (r *response) read(res *http.Response, limit int64) error {
	defer func() { _ = res.Body.Close() }()
	tooLarge := func() error {
		return fmt.Errorf("%w: the answer (status %d) is over %d bytes; see WithMaxResponseBytes", ErrResponseTooLarge, res.StatusCode, limit)
	}
	if res.ContentLength > limit && (res.Request == nil || res.Request.Method != http.MethodHead) {
		return tooLarge()
	}
	buf := bodies.Get().(*bodyBuffer)
	if n := res.ContentLength; n > 0 && n <= 1<<20 {
		buf.Grow(int(n) + bytes.MinRead)
	}
	buf.from = io.LimitedReader{R: res.Body, N: limit + 1}
	n, err := buf.ReadFrom(&buf.from)
	buf.from.R = nil
	if n > limit {
		return tooLarge()
	}
	if err != nil {
		return fmt.Errorf("the answer (status %d) broke off after %d bytes: %w", res.StatusCode, n, err)
	}
	r.body, r.buffer = buf.Bytes(), buf
	return nil
}

// checkRetry is asked by the retry loop after each attempt. What there is to know of the
// answer has been noted already.
func (s *sender) checkRetry(ctx context.Context, err error) bool {
	if s.attempts == 0 { // net/http refused the request itself
		s.last = attempt{err: s.core.redact.Err(unwrapURLError(err)), unsent: true}
	}
	if s.class.ambiguous(s.last) {
		s.ambiguous = true
	}
	s.verdict = s.judge(s.before + s.attempts)
	if s.verdict.again && s.core.logger != nil {
		s.core.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: trying again", append(s.attrs(),
			slog.Duration("wait", s.verdict.wait))...)
	}
	return s.verdict.again
}

// backoff waits until the next attempt may be made.
func (s *sender) backoff(ctx context.Context) error {
	if err := pace.Sleep(ctx, s.verdict.wait); err != nil {
		return err
	}
	return s.core.gate.Wait(ctx)
}

func (s *sender) log(ctx context.Context, begun time.Time) {
	if s.core.logger == nil {
		return
	}
	s.core.logger.LogAttrs(ctx, slog.LevelDebug, "growthgenius: attempt", append(s.attrs(),
		slog.Duration("duration", time.Since(begun)))...)
}

// attrs say what is being done, and how the last attempt ended.
func (s *sender) attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("method", s.method),
		slog.String("route", s.route),
		slog.Int("attempt", s.before+s.attempts),
	}
	if s.last.res != nil {
		return append(attrs, slog.Int("status", s.last.res.status))
	}
	return append(attrs, slog.String("error", s.last.err.Error()))
}

// unwrapURLError drops the URL that net/http puts into its errors: its query is not for logs.
func unwrapURLError(err error) error {
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = u.Err
	}
}

// newHeader is the header of one attempt.
func (c *core) newHeader(o *callOptions, hasBody bool) http.Header {
	header := make(http.Header, len(o.header)+4)
	for name, values := range o.header {
		header[name] = slices.Clone(values)
	}
	own := [...]string{"application/json", c.apiKey(), c.userAgent, "application/json"}
	header["Accept"], header["Authorization"] = own[0:1:1], own[1:2:2]
	if header.Get("User-Agent") == "" {
		header["User-Agent"] = own[2:3:3]
	}
	if hasBody {
		header["Content-Type"] = own[3:4:4]
	}
	return header
}

// request is the request of a call to net/http.
func (out outgoing) request(ctx context.Context, method string) *retryablehttp.Request {
	req := (&http.Request{
		Method: method, URL: out.url, Header: http.Header{}, // what is there net/http's client would copy: see newHeader
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	retryable := &retryablehttp.Request{Request: req}
	if out.body != nil {
		_ = retryable.SetBody(out.body) // bytes cannot fail
	}
	return retryable
}
