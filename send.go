package growthgenius

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// response is an answer with its whole body.
type response struct {
	status int
	header http.Header
	body   []byte
	info   ResponseInfo
}

// attempt is how one request ended: with an answer or an error.
type attempt struct {
	res *response
	err error
	// unsent says that the request provably never left this machine: net/http looked for
	// a connection and never got one. A transport that does not tell proves nothing.
	unsent bool
}

// sender sends one call: it is the transport, the retry policy and the backoff of a
// go-retryablehttp client made for this call alone, so all they need to know is here.
type sender struct {
	core    *core
	method  string
	route   string
	class   replayClass
	noRetry bool
	before  int // attempts of the call before this sender's
	started time.Time
	ctxErr  func() error // of the caller's context
	splits  bool
	open    func(*streamBody) error

	http  http.Client
	retry retryablehttp.Client

	attempts  int
	last      attempt
	verdict   verdict
	spent     int  // on retries, from the budget
	ambiguous bool // some attempt may have been carried out
}

// send waits for the limiter, sends the request, and tries again where that does no harm.
func (s *sender) send(req *retryablehttp.Request) (*response, error) {
	ctx := req.Context()
	s.started, s.ctxErr = time.Now(), ctx.Err
	s.http = http.Client{
		Transport:     s,
		Jar:           s.core.cookies,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.retry = retryablehttp.Client{
		HTTPClient:   &s.http,
		RetryMax:     s.core.retry.MaxAttempts,
		CheckRetry:   s.checkRetry,
		Backoff:      s.backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		PrepareRetry: func(r *http.Request) error { return s.core.waitForTurn(r.Context()) },
	}
	if err := s.core.waitForTurn(ctx); err != nil {
		return nil, s.failed(withContextError(err, ctx.Err()))
	}
	res, err := s.retry.Do(req)
	if res != nil {
		_ = res.Body.Close() // RoundTrip has read it
	}
	return s.result(ctx, err)
}

// result turns the last attempt into what the call returns. err is that of the retry
// loop: of the last attempt, or of a wait that the context cut short.
func (s *sender) result(ctx context.Context, err error) (*response, error) {
	last := s.last
	if last.res != nil && !s.verdict.again {
		if last.res.status < 300 {
			s.core.budget.succeeded(s.spent)
		}
		last.res.info = ResponseInfo{
			StatusCode: last.res.status,
			Header:     last.res.header,
			RequestID:  requestID(last.res.header),
			Attempts:   s.before + s.attempts,
			Duration:   time.Since(s.started),
		}
		return last.res, nil
	}
	if last.res == nil && last.err != nil && !s.verdict.again {
		return nil, s.failed(withContextError(last.err, ctx.Err()))
	}
	// The context or the limiter ended the wait for another attempt.
	return nil, s.failed(withContextError(fmt.Errorf("%w while waiting to try again after: %s", s.core.redact.err(err), s.describe()), ctx.Err()))
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

// RoundTrip makes one attempt: it sends the request and reads the whole body, so that an
// answer cut short is a failed attempt.
func (s *sender) RoundTrip(req *http.Request) (*http.Response, error) {
	s.attempts++
	begun := time.Now()
	ctx, wait := newPatience(req.Context(), s.core.attemptTimeout)
	var kept *streamBody
	defer func() {
		if kept == nil {
			wait.end()
		}
	}()
	var sought, got atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { sought.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})
	res, err := s.core.transport.RoundTrip(req.WithContext(ctx))
	if err == nil {
		s.last = attempt{res: &response{status: res.StatusCode, header: res.Header}}
		s.core.noteAnswer(begun, res)
		if s.open != nil && res.StatusCode < 300 {
			kept, err = s.stream(wait, res)
		} else {
			s.last.res.body, err = readBody(res, s.limit())
		}
		if err == nil {
			res.Body = http.NoBody
			s.log(req.Context(), begun)
			return res, nil
		}
	}
	s.last = attempt{err: s.core.redact.err(s.explain(wait, unwrapURLError(err))), unsent: sought.Load() && !got.Load()}
	s.log(req.Context(), begun)
	return nil, s.last.err
}

// limit bounds the answer.
func (s *sender) limit() int64 {
	if s.splits {
		return min(s.core.maxBytes, windowBytes)
	}
	return s.core.maxBytes
}

// stream reads a body as far as its first element.
func (s *sender) stream(wait *patience, res *http.Response) (*streamBody, error) {
	s.last.res.body = make([]byte, 0, maxErrorBody+2*s.core.redact.longest+1)
	wait.timer.Stop()
	b := &streamBody{
		patience: wait, res: s.last.res, body: res.Body, limit: s.core.maxBytes,
		explain: func(err error) error { return s.core.redact.err(s.explain(wait, unwrapURLError(err))) },
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
	if ctxErr := s.ctxErr(); ctxErr != nil {
		return ctxErr
	}
	if wait.ended() == nil && !isContextError(err) {
		return err
	}
	return timeoutError{s.core.attemptTimeout}
}

// readBody reads a body up to a bound and closes it.
func readBody(res *http.Response, limit int64) ([]byte, error) {
	defer func() { _ = res.Body.Close() }()
	tooLarge := func() error {
		return fmt.Errorf("%w: the answer (status %d) is over %d bytes; see WithMaxResponseBytes", ErrResponseTooLarge, res.StatusCode, limit)
	}
	if res.ContentLength > limit {
		return nil, tooLarge()
	}
	var buf bytes.Buffer
	if n := res.ContentLength; n > 0 && n <= 1<<20 {
		buf.Grow(int(n) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(res.Body, limit+1))
	if n > limit {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, fmt.Errorf("the answer (status %d) broke off after %d bytes: %w", res.StatusCode, n, err)
	}
	return buf.Bytes(), nil
}

// checkRetry is asked by the retry loop after each attempt. What it is given about the
// answer is what RoundTrip has noted already.
func (s *sender) checkRetry(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if s.attempts == 0 { // net/http refused the request itself
		s.last = attempt{err: s.core.redact.err(unwrapURLError(err)), unsent: true}
	}
	if s.class.ambiguous(s.last) {
		s.ambiguous = true
	}
	s.verdict = s.judge(ctx, s.before+s.attempts)
	if s.verdict.again && s.core.logger != nil {
		s.core.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: trying again", append(s.attrs(),
			slog.Duration("wait", s.verdict.wait))...)
	}
	return s.verdict.again, nil
}

func (s *sender) backoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration {
	return s.verdict.wait
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
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
