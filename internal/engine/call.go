package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/growthgenius/growthgenius-go/internal/errs"
)

// call is the state of one call. It is used by one goroutine at a time.
type call struct {
	Call
	cfg     *Config
	ctx     callContext // by value, as are the requests, so that they need no memory of their own
	request retryablehttp.Request
	sent    http.Request // what request has

	began     time.Time
	attempts  int   // made by this Do
	apart     bool  // further attempts must not use the connections that are kept: they may be dead
	streams   bool  // the body of the last attempt is read by the caller
	ambiguous bool  // an attempt may have been carried out
	status    int32 // of the last attempt; 0 without a response
	last      attempt
	verdict   verdict
	patience  patience         // of the last attempt
	spent     int              // on retries, from the budget
	tried     time.Time        // when the first attempt began
	begun     time.Time        // when the last attempt began
	since     time.Time        // when the first attempt began that may have been carried out
	stopped   error            // why the call ends, if Recheck or Leave says so
	finish    func(AttemptEnd) // of the last attempt, until it has ended
}

// callContext is the context of a call's requests: the caller's context, with the call in
// it. The one retry loop and transport of the engine find the call there. Limiters, loggers
// and transports of the program find the route.
//
// The program may print it, so what it refers to is behind a pointer.
type callContext struct {
	context.Context //nolint:containedctx // it extends the caller's context

	call *call
}

type (
	callKey  struct{}
	routeKey struct{}
)

// Value returns the call and the route for their keys.
func (c *callContext) Value(key any) any {
	switch key.(type) {
	case callKey:
		return c.call
	case routeKey:
		return c.call.Route
	default:
		return c.Context.Value(key)
	}
}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// Route returns the route of the call that a context belongs to.
func Route(ctx context.Context) (string, bool) {
	route, ok := ctx.Value(routeKey{}).(string)
	return route, ok
}

// blankRequest is copied with the context of each call, which net/http sets in copies only.
// Its header stays empty, since each attempt has its own: without one, net/http would copy the request.
var blankRequest = &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}

// newRequest makes the request that the attempts send.
func (c *call) newRequest() {
	c.sent = *blankRequest.WithContext(&c.ctx)
	c.sent.Method, c.sent.URL = c.Method, &c.URL
	c.request.Request = &c.sent
	if c.Body != nil {
		_ = c.request.SetBody(c.Body) // with bytes it cannot fail
	}
}

// checkRetry decides what happens after an attempt, which has noted all that is needed.
func (c *call) checkRetry(ctx context.Context) bool {
	if c.stopped != nil {
		return false
	}
	if c.attempts == 1 {
		c.tried = c.begun
	}
	if c.last.ambiguous() && !c.ambiguous {
		c.ambiguous, c.since = true, c.begun
	}
	c.verdict = c.judge(c.Sent + c.attempts)
	if !c.streams {
		c.ended(nil)
	}
	if c.verdict.again && c.cfg.Logger != nil {
		c.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: trying again",
			append(c.attrs(), slog.Duration("wait", c.verdict.wait))...)
	}
	return c.verdict.again
}

// judge decides whether the call is retried after request number n.
func (c *call) judge(n int) verdict {
	policy := c.cfg.Retry
	switch {
	case c.ctx.Err() != nil || !c.Class.replayable(c.last):
		return verdict{}
	case c.Once || n >= policy.MaxAttempts, c.Split && c.last.isSlow():
		return verdict{}
	}
	wait, throttled, asks := policy.backoff(n), false, false
	if res := c.last.res; res != nil {
		throttled = c.Class.throttled(res)
		asked, _ := res.RetryAfter(time.Now())
		if asked > policy.MaxRetryAfter {
			return verdict{why: fmt.Sprintf("not tried again: the API asks to wait %s, MaxRetryAfter is %s",
				asked, policy.MaxRetryAfter)}
		}
		asks = asked > wait
		wait = max(wait, asked) // a Retry-After of 0, or a date that has passed, must not make retries spin
	}
	deadline, limited := c.ctx.Deadline()
	if c.last.unsent || isDial(c.last.err) {
		longer := policy.unsentBackoff(n, time.Since(c.tried), wait)
		if !limited || longer <= time.Until(deadline) {
			wait = longer
		}
	}
	if limited && time.Until(deadline) < wait {
		return verdict{why: fmt.Sprintf("not tried again: the wait of %s would pass the context's deadline",
			wait.Round(time.Millisecond))}
	}
	if !throttled && !c.cfg.Budget.Take(&c.spent) { // 429s are free: the limiter slows them down
		return verdict{why: "not tried again: too many calls of this client are failing (retry budget)"}
	}
	return verdict{again: true, wait: wait, asked: asks}
}

// newEnough is how old what Recheck has read may be when the request is sent.
const newEnough = 250 * time.Millisecond

// wait blocks until the next attempt may begin. It calls Recheck before the request takes its turn
// of the limiter, so that none is lost if there is nothing to send, and once more if that
// took a while.
func (c *call) wait(ctx context.Context) error {
	if err := c.backOff(ctx); err != nil {
		return err
	}
	if c.Recheck == nil || !c.ambiguous {
		return c.gate(ctx)
	}
	if c.stopped = c.Recheck(c.since); c.stopped != nil {
		return c.stopped
	}
	read := time.Now()
	if err := c.gate(ctx); err != nil {
		return err
	}
	if time.Since(read) > newEnough {
		c.stopped = c.Recheck(c.since)
	}
	return c.stopped
}

// unsent is the outcome of a call without an attempt.
func (c *call) unsent(err error) Outcome {
	return Outcome{Err: errs.WithContext(err, c.ctx.Err()), Sent: c.Sent}
}

// outcome is the outcome of a call after its last attempt. err is that of the retry loop:
// of the attempt, or of the wait for another one.
func (c *call) outcome(err error) Outcome {
	o := Outcome{GaveUp: c.verdict.why, Sent: c.Sent + c.attempts, Ambiguous: c.ambiguous}
	switch {
	case c.stopped != nil:
		o.Err = errs.WithContext(c.stopped, c.ctx.Err())
		return o
	case c.verdict.again: // the context or the limiter ended the wait
		err = fmt.Errorf("waiting to try again after %s: %w", c.last, c.cfg.Redact.Err(err))
		o.Err = errs.WithContext(err, c.ctx.Err())
	case c.last.err != nil:
		o.Err = errs.WithContext(c.last.err, c.ctx.Err())
	default:
		o.Response = c.last.res
		if o.Response.Succeeded() && !c.last.hollow {
			c.cfg.Budget.Succeeded(c.spent)
		}
		if c.Class.replayable(c.last) {
			o.Ended = c.ctx.Err()
		}
	}
	c.logGivingUp(o)
	return o
}

// logGivingUp logs that a call has failed in a way that is worth a retry, and that there is
// none any more.
func (c *call) logGivingUp(o Outcome) {
	switch {
	case c.cfg.Logger == nil, errors.Is(c.ctx.Err(), context.Canceled):
		return
	case c.last.err == nil && !c.Class.replayable(c.last): // a final response
		return
	case c.Class == Unsent && c.ambiguous: // the caller finds out what became of it
		return
	case c.Split && (c.last.isSlow() || errors.Is(c.last.err, errs.ErrResponseTooLarge)): // the caller asks for less
		return
	}
	attrs := append(c.attrs(), slog.Duration("duration", time.Since(c.began)))
	if o.GaveUp != "" {
		attrs = append(attrs, slog.String("reason", o.GaveUp))
	}
	c.cfg.Logger.LogAttrs(&c.ctx, slog.LevelWarn, "growthgenius: giving up", attrs...)
}

// log logs the last attempt, which began then.
func (c *call) log(ctx context.Context, begun time.Time) {
	if c.cfg.Logger == nil {
		return
	}
	c.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "growthgenius: attempt",
		append(c.attrs(), slog.Duration("duration", time.Since(begun)))...)
}

// attrs are the method, the route, and how the last attempt ended.
func (c *call) attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("method", c.Method),
		slog.String("route", c.Route),
		slog.Int("attempt", c.Sent+c.attempts),
	}
	if c.last.res == nil {
		return append(attrs, slog.String("error", c.last.err.Error()))
	}
	attrs = append(attrs, slog.Int("status", c.last.res.Status))
	if c.last.hollow {
		attrs = append(attrs, slog.String("error", withoutJSON))
	}
	if id := c.cfg.Redact.Text(c.last.res.RequestID()); id != "" {
		attrs = append(attrs, slog.String("request_id", id))
	}
	return attrs
}
